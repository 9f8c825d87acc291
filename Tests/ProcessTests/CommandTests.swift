// The subcommands as a script has them: what they print where, and their exit statuses, with a real registry.

import Foundation
import Glibc
import Testing

struct CommandTests {
    private func cells(_ text: String) -> [[String]] {
        text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }

    @Test func `what a command registers, the others list, renew and deregister`() throws {
        let registry = try RunningRegistry()
        let registered = try registry.command(
            "register", "reviews", "10.0.0.5:9080", "--type", "http", "--ttl", "1m30s", "--tag", "v1", "--metadata",
            "{\"zone\": \"eu\"}")
        #expect(registered.status == 0, "\(registered.errors)")
        let row = try #require(cells(registered.output).last)
        #expect(row.dropFirst() == ["reviews", "10.0.0.5:9080", "90s"])
        let id = row[0]
        let stored = try registry.connect().ask("GET", "/api/v1/instances/\(id)").object()
        #expect((stored["metadata"] as? [String: String]) == ["zone": "eu"])

        let services = try registry.command("services")
        #expect(cells(services.output) == [["SERVICE", "INSTANCES", "UP"], ["reviews", "1", "1"]])
        #expect(try registry.command("services", "-q").output == "reviews\n")
        let instances = cells(try registry.command("instances", "reviews", "--tag", "v1").output)
        #expect(instances.last?.prefix(6) == ["reviews", id, "http", "10.0.0.5:9080", "UP", "90s"], "\(instances)")
        #expect(try registry.command("instances", "-q").output == "\(id)\n")
        #expect(try registry.command("instances", "other", "-q").output.isEmpty)

        // B301 The exit status of a subcommand says what became of it.
        let beats = try registry.command("heartbeat", id, "0123456789abcdef")
        #expect(cells(beats.output).dropFirst() == [[id, "renewed"], ["0123456789abcdef", "not", "registered"]])
        #expect(beats.status == 3)
        #expect(try registry.command("heartbeat", id).status == 0)
        #expect(try registry.command("deregister", id).status == 0)
        let again = try registry.command("deregister", id, "-o", "json")
        #expect(again.status == 3)
        #expect(again.output == "{\"results\":[{\"id\":\"\(id)\",\"status\":410}]}\n")
    }

    @Test func `with --output json a page is printed as the registry answers it`() throws {
        // B203
        let registry = try RunningRegistry()
        let client = try registry.connect()
        _ = try client.ask("POST", "/api/v1/instances", body: Sample.registration())
        for (command, path) in [
            ("services", "/api/v1/services"), ("instances", "/api/v1/instances?status=ALL"),
            ("members", "/api/v1/cluster"), ("catalogs", "/api/v1/catalogs"),
        ] {
            #expect(
                try registry.command(command, "--output", "json").output == client.ask("GET", path).text + "\n",
                "\(command)")
        }
        let events = try JSONSerialization.jsonObject(
            with: Data(try registry.command("events", "-o", "json").output.utf8))
        #expect(((events as? [String: Any])?["events"] as? [Any])?.count == 1)
    }

    @Test func `no name that a client registers reaches the terminal as it is`() throws {
        // B204
        let registry = try RunningRegistry()
        _ = try registry.connect().ask(
            "POST", "/api/v1/instances", body: Sample.registration("\\u001b]0;owned\\u0007\u{9B}2J\u{202E}x"))
        for arguments in [
            ["services"], ["services", "-q"], ["services", "-o", "json"], ["instances"], ["instances", "-o", "json"],
            ["events"], ["watch", "--count", "1"], ["watch", "--count", "1", "-o", "json"],
        ] {
            let command = try registry.start(arguments)
            #expect(try command.end() == 0)
            let text = command.output + command.errors
            #expect(text.lowercased().contains("1b") || arguments.contains("-q"), "\(arguments): \(text)")
            let bad = text.unicodeScalars.filter { $0.value < 0x20 && $0 != "\n" || [0x9B, 0x202E].contains($0.value) }
            #expect(bad.isEmpty, "\(arguments): \(bad)")
        }
    }

    @Test func `an operator's override is set, shown beside the instance's own status, and lifted`() throws {
        let registry = try RunningRegistry()
        let id = try #require(cells(try registry.command("register", "web", "h:1").output).last?.first)
        let set = try registry.command("override", id, "out_of_service", "--for", "30m")
        #expect(set.output.contains("OUT_OF_SERVICE(UP)"), "\(set)")
        #expect(try registry.command("instances", "--status", "UP", "-q").output.isEmpty)
        let lifted = try registry.command("override", id, "--lift")
        #expect(cells(lifted.output).last?[4] == "UP", "\(lifted)")
        #expect(try registry.command("override", "0123456789abcdef", "DOWN").status == 3)
        #expect(try registry.command("override", id).status == 64)
        #expect(try registry.command("drain").status == 64)
    }

    @Test func `a whole service is overridden and drained by its name`() throws {
        // B207
        let registry = try RunningRegistry()
        for host in ["a", "b"] { #expect(try registry.command("register", "web", "\(host):1").status == 0) }
        let set = try registry.command("override", "--service", "web", "out_of_service", "--for", "30m")
        let row = try #require(cells(set.output).last)
        #expect(row.prefix(3) == ["web", "OUT_OF_SERVICE", "2"], "\(set)")
        #expect(try registry.command("instances", "--status", "UP", "-q").output.isEmpty)
        let lifted = try registry.command("override", "--service", "web", "--lift")
        #expect(lifted.output.contains("each its own"), "\(lifted)")
        #expect(try registry.command("drain", "--service", "web").output.contains("drained:"))
        #expect(
            try registry.command("drain", "--service", "web", "--lift", "-o", "json").output.contains("\"instances\":2")
        )
        #expect(try registry.command("instances", "--status", "UP", "-q").output.split(separator: "\n").count == 2)
        #expect(try registry.command("drain", "--service", "api").status == 3)
        for wrong in [
            ["drain", "--service", "web", "0123456789abcdef"], ["override", "--service", "web"], ["override", "DOWN"],
            ["override", "--service", "web", "DOWN", "UP"], ["override", "--service", "web", "DOWN", "--lift"],
        ] {
            #expect(try registry.start(wrong).end() == 64, "\(wrong)")
        }
    }

    @Test func `what was lost in the last five minutes is one command`() throws {
        let registry = try RunningRegistry(["--min_ttl=1s"])
        for name in ["a", "b", "c"] {
            #expect(try registry.command("register", name, "h:1", "--ttl", "1s").status == 0)
        }
        let id = try #require(cells(try registry.command("register", "d", "h:1").output).last?.first)
        #expect(try registry.command("deregister", id).status == 0)
        var rows: [[String]] = []
        try Patience.wait("three instances that expire") {
            let lost = try registry.command("events", "--since", "5m", "--lost")
            #expect(lost.status == 0)
            rows = cells(lost.output)
            return rows.count == 5
        }
        #expect(
            Set(rows.dropFirst().map { "\($0[1]) \($0[2]) \($0[6])" }) == [
                "expired a gone", "expired b gone", "expired c gone", "deregistered d gone",
            ])
        #expect(try registry.command("register", "a", "h:1").status == 0)
        let back = cells(try registry.command("events", "a", "--lost").output)
        #expect(back.count == 2 && back[1][6] == "back", "\(back)")
        #expect(cells(try registry.command("events").output).count == 10)
    }

    @Test func `members, sources and figures of a registry that is alone`() throws {
        let registry = try RunningRegistry()
        let others =
            TestStore.isUsed
            ? "Members of this registry share a store (redis): `registry store status` shows them.\n"
            : "This registry is alone: it has no other members.\n"
        #expect(try registry.command("members").output == others)
        #expect(try registry.command("catalogs").output.hasPrefix("This registry reads no other"))
        _ = try registry.command("register", "web", "h:1")
        let top = try registry.command("top", "--once", "--interval", "100ms")
        #expect(top.status == 0)
        #expect(top.output.contains("1 instances, 1 services"), "\(top.output)")
        #expect(cells(top.output).contains { $0.first == "metrics" && $0.count == 6 }, "\(top.output)")
        #expect(top.output.hasSuffix(others))
    }

    @Test func `why a client was refused is one command`() throws {
        let registry = try RunningRegistry()
        let refused = try registry.command("register", "web", "h:1", "--status", "SLEEPY")
        #expect(refused.status == 1)
        let rows = cells(try registry.command("refusals").output)
        #expect(rows.count == 2 && rows[1][1...3] == ["1", "400", "127.0.0.1"], "\(rows)")
        #expect(rows.last?.contains("/api/v1/instances") == true)
    }

    @Test func `a watch shows what is there, each change, and goes on after a restart`() throws {
        // B205 It connects again when its connection ends.
        var registry = try RunningRegistry()
        let port = registry.port
        #expect(try registry.command("register", "web", "h:1").status == 0)
        let watch = try registry.start(["watch", "web"])
        try watch.wait(untilOutputHas: "listed")
        #expect(try registry.command("register", "web", "h:2").status == 0)
        #expect(try registry.command("register", "other", "h:3").status == 0)
        try watch.wait(untilOutputHas: "h:2")
        registry.send(SIGKILL)
        _ = try registry.waitForEnd("the end of a killed registry")
        try watch.wait(untilErrorsHave: "connecting again in")
        registry = try RunningRegistry(["--api_port=\(port)"])
        try watch.wait(untilOutputHas: "0 instances")
        #expect(try registry.command("register", "web", "h:4").status == 0)
        try watch.wait(untilOutputHas: "h:4")
        #expect(!watch.output.contains("h:3"))
        watch.send(SIGINT)
        #expect(try watch.end() == 130)
        #expect(try RunningCommand(["watch"], url: "http://127.0.0.1:1").end() == 5)
    }

    @Test func `a script knows by the exit status why nothing was done`() throws {
        // B301
        let registry = try RunningRegistry(["--auth_mode=trusted"])
        let file = registry.folder.appending(path: "token")
        try Data("team\n".utf8).write(to: file)
        let refused = try registry.command("services")
        #expect(refused.status == 4)
        #expect(refused.errors.hasPrefix("Error: \(registry.url)/ answers 401: "), "\(refused.errors)")
        #expect(refused.output.isEmpty)
        #expect(try registry.command("services", environment: ["REGISTRY_TOKEN": "team"]).status == 0)
        #expect(try registry.command("services", "--token-file", file.path()).status == 0)
        #expect(try registry.command("services", "--token-file", "/no/such").status == 64)
        #expect(try registry.command("services", "--timeout", "soon").status == 64)
        #expect(try registry.command("nonsense").status == 64)
        // B201 A flag wins over its variable.
        let closed = try registry.command(
            "services", "--url", "http://127.0.0.1:1", environment: ["REGISTRY_TOKEN": "team"])
        #expect(closed.status == 5)
        #expect(closed.errors.contains("no answer from http://127.0.0.1:1/: no connection: Connection refused"))
        // The next member is tried.
        let second = try registry.command(
            "services", "--url", "http://127.0.0.1:1,\(registry.url)", environment: ["REGISTRY_TOKEN": "team"])
        #expect(second.status == 0, "\(second.errors)")
        #expect(try RunningCommand(["services"], url: "gopher://x").end() == 64)
    }

    @Test func `over TLS the registry is trusted by an authority, and a client shows its certificate`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "certificates-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try RunningCommand(["dev-cert", folder.path(), "--namespace", "team"], url: nil).end() == 0)
        func path(_ name: String) -> String { folder.appending(path: name).path() }
        let portFile = path("ports")
        let registry = try RunningRegistry(
            [
                "--https_port=0", "--tls_cert=\(path("server.pem"))", "--tls_key=\(path("server-key.pem"))",
                "--tls_client_ca=\(path("ca.pem"))", "--tls_client_auth=require", "--auth_mode=mtls",
            ], portFile: portFile)
        let ports = try String(contentsOfFile: portFile, encoding: .utf8)
        let port = try #require(ports.firstMatch(of: /https (\d+)/).map { String($0.1) })
        let url = "https://localhost:\(port)"
        let environment = [
            "REGISTRY_CA": path("ca.pem"), "REGISTRY_CERT": path("client.pem"), "REGISTRY_KEY": path("client-key.pem"),
        ]
        let good = try registry.command("register", "web", "h:1", "--url", url, environment: environment)
        #expect(good.status == 0, "\(good.errors)")
        #expect(try registry.command("services", "-q", "--url", url, environment: environment).output == "web\n")
        let distrusted = try registry.command("services", "--url", url)
        #expect(distrusted.status == 5)
        #expect(distrusted.errors.contains("not trusted"), "\(distrusted.errors)")
        let nameless = try registry.command("services", "--url", url, environment: ["REGISTRY_CA": path("ca.pem")])
        #expect(nameless.status == 5, "\(nameless.errors)")
    }

    @Test func `who waits for longer than a second is told so, on standard error`() throws {
        // B206 An answer that takes more than a second is waited for with a word on standard error.
        let registry = try RunningRegistry()
        registry.send(SIGSTOP)
        let command = try registry.start(["services", "--timeout", "60s"])
        try command.wait(untilErrorsHave: "waiting for http://")
        #expect(command.output.isEmpty)
        registry.send(SIGCONT)
        #expect(try command.end() == 0)
        registry.send(SIGSTOP)
        let impatient = try registry.command("services", "--timeout", "200ms")
        #expect(impatient.status == 5)
        registry.send(SIGCONT)
    }

    @Test(arguments: ["bash", "zsh"])
    func `a shell completes every subcommand`(shell: String) throws {
        let command = try RunningCommand(["--generate-completion-script", shell], url: nil)
        #expect(try command.end() == 0)
        for name in ["services", "instances", "watch", "events", "members", "register", "drain", "top", "check"] {
            #expect(command.output.contains(name), "\(name)")
        }
        #expect(command.output.contains("--keep-alive"))
        #expect(command.output.contains("--api_port"))
    }
}
