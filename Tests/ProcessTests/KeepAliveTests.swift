// `registry register --keep-alive -- PROGRAM` with real programs, signals and a registry that goes and comes back.

import Foundation
import Glibc
import Testing

struct KeepAliveProcessTests {
    private func ids(_ registry: RunningRegistry) throws -> [String] {
        try registry.command("instances", "-q").output.split(separator: "\n").map(String.init)
    }

    /// The flags before a program.
    private func flags(_ service: String = "web") -> [String] {
        ["register", service, "h:1", "--ttl", "30s", "--keep-alive", "--"]
    }

    @Test func `a program is registered while it runs, and its status is the command's`() throws {
        // B102 When the program ends the instance is deregistered, and the exit status is the program's.
        let registry = try RunningRegistry()
        let gate = registry.folder.appending(path: "gate").path()
        let command = try registry.start(
            flags() + [
                "/bin/sh", "-c", "echo started --api_port -1; while ! [ -e \(gate) ]; do sleep 0.02; done; exit 7",
            ])
        try command.wait(untilOutputHas: "started")
        #expect(try ids(registry).count == 1)
        try Data().write(to: URL(filePath: gate))
        #expect(try command.end() == 7)
        #expect(try ids(registry).isEmpty)
        // B106 What the program writes is its own.
        #expect(command.output == "started --api_port -1\n")
        #expect(command.errors.contains("registry: registered web at h:1 as "))
        #expect(command.errors.hasSuffix("registry: deregistered web at h:1\n"), "\(command.errors)")
    }

    @Test func `signals are the program's`() throws {
        // B103
        let registry = try RunningRegistry()
        let command = try registry.start(
            flags() + [
                "/bin/sh", "-c",
                "trap 'echo usr1' USR1; trap 'echo term; exit 9' TERM; echo ready; while :; do sleep 0.02; done",
            ])
        try command.wait(untilOutputHas: "ready")
        command.send(SIGUSR1)
        try command.wait(untilOutputHas: "usr1")
        #expect(try ids(registry).count == 1)
        command.send(SIGTERM)
        #expect(try command.end() == 9)
        #expect(command.output == "ready\nusr1\nterm\n")
        #expect(try ids(registry).isEmpty)
        // One that a signal kills is told as a shell tells it.
        #expect(try registry.start(flags() + ["/bin/sh", "-c", "kill -KILL $$"]).end() == 137)
    }

    @Test func `a program that cannot be run leaves nothing registered`() throws {
        let registry = try RunningRegistry()
        #expect(try registry.start(flags() + ["/no/such/program"]).end() == 127)
        #expect(try registry.start(flags() + [registry.folder.path()]).end() == 126)
        #expect(try ids(registry).isEmpty)
    }

    @Test func `a registration that is refused starts no program`() throws {
        // B104 A registration that is refused ends the command, and the program is not started.
        let registry = try RunningRegistry(["--auth_mode=trusted"])
        let mark = registry.folder.appending(path: "mark").path()
        let command = try registry.start(flags() + ["/usr/bin/touch", mark])
        #expect(try command.end() == 4)
        #expect(!FileManager.default.fileExists(atPath: mark))
        #expect(
            try registry.start(flags("") + ["/usr/bin/touch", mark], environment: ["REGISTRY_TOKEN": "t"]).end() == 1)
        #expect(!FileManager.default.fileExists(atPath: mark))
    }

    @Test func `a program runs without its registry too`() throws {
        // B104 When the registry does not answer the program is started all the same.
        let command = try RunningCommand(flags() + ["/bin/sh", "-c", "echo ran; exit 3"], url: "http://127.0.0.1:1")
        #expect(try command.end() == 3)
        #expect(command.output == "ran\n")
        #expect(command.errors.contains("trying again until web at h:1 is registered"), "\(command.errors)")
    }

    @Test func `an instance is renewed, and registered again with a registry that has forgotten it`() throws {
        // B101
        var registry = try RunningRegistry(["--min_ttl=1s"])
        let port = registry.port
        let command = try registry.start(["register", "web", "h:1", "--ttl", "1s", "--keep-alive"])
        try command.wait(untilErrorsHave: "registered web at h:1 as ")
        try Patience.wait("renewals") {
            try registry.connect().ask("GET", "/metrics").text.firstMatch(of: /a8registry_renewals_total (\d+)/).flatMap
            {
                Int($0.1)
            } ?? 0 >= 4
        }
        #expect(try ids(registry).count == 1)
        registry.send(SIGKILL)
        _ = try registry.waitForEnd("the end of a killed registry")
        try command.wait(untilErrorsHave: "trying again until web at h:1 is renewed")
        registry = try RunningRegistry(["--min_ttl=1s", "--api_port=\(port)"])
        try command.wait(untilErrorsHave: "the registry no longer has web at h:1: registering it again")
        try Patience.wait("the instance in the new registry") { try ids(registry).count == 1 }
        // B105 Without a program the instance is kept registered until SIGTERM, and the status is 0.
        command.send(SIGTERM)
        #expect(try command.end() == 0)
        #expect(try ids(registry).isEmpty)
    }

    @Test func `a token that is renewed in its file is used from then on`() throws {
        // B202 The file of a token is read for each request.
        let registry = try RunningRegistry(["--min_ttl=1s", "--auth_mode=trusted"])
        let file = registry.folder.appending(path: "token")
        try Data("one\n".utf8).write(to: file)
        let command = try registry.start([
            "register", "web", "h:1", "--ttl", "1s", "--keep-alive", "--token-file", file.path(),
        ])
        func count(_ namespace: String) throws -> Int {
            try registry.command("instances", "-q", environment: ["REGISTRY_TOKEN": namespace]).output.split(
                separator: "\n"
            ).count
        }
        try command.wait(untilErrorsHave: "registered web at h:1 as ")
        #expect(try count("one") == 1)
        try Data("two\n".utf8).write(to: file)
        try Patience.wait("the instance in the namespace of the new token") { try count("two") == 1 }
        command.send(SIGTERM)
        #expect(try command.end() == 0)
        #expect(try count("two") == 0)
    }

    @Test func `a connection to the registry is not open in the program`() throws {
        let registry = try RunningRegistry()
        let program = flags() + ["/bin/sh", "-c", "ls -l /proc/$$/fd | grep -c socket; true"]
        let connected = try registry.start(program)
        #expect(try connected.end() == 0)
        // What the test itself has open is there in both.
        let unconnected = try RunningCommand(program, url: "http://127.0.0.1:1")
        #expect(try unconnected.end() == 0)
        #expect(connected.output == unconnected.output)
    }
}
