// `make test` must be readable when it fails: thousands of lines go by, and the one that matters is shown at the end.
// The runner is tried here with a compiler and a fault matrix that only print.

import Foundation
import Testing

struct TestRunnerTests {
    /// A checkout with the real runner, in which `swift` and the fault matrix are scripts.
    private struct Checkout {
        let root = FileManager.default.temporaryDirectory.appending(path: "test-runner-\(UUID().uuidString)")

        init(tests: String, faults: String = "echo '9 rows: 9 ok, 0 failed, 0 skipped'") throws {
            let files = FileManager.default
            for folder in ["scripts", "bin", "Tests/Long/faults"] {
                try files.createDirectory(at: root.appending(path: folder), withIntermediateDirectories: true)
            }
            try files.copyItem(
                at: SourceTree.root.appending(path: "scripts/run-tests"), to: root.appending(path: "scripts/run-tests"))
            let swift =
                "#!/bin/bash\nif [ \"$1\" = test ]; then\n\(tests)\nelif [ \"$2\" = --show-bin-path ]; then echo /none; else echo 'complete!'; fi\n"
            try swift.write(to: root.appending(path: "bin/swift"), atomically: false, encoding: .utf8)
            try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: root.appending(path: "bin/swift").path())
            let matrix =
                "import subprocess, sys\nsys.exit(subprocess.run(['bash', '-c', \"\"\"\(faults)\"\"\"]).returncode)\n"
            try matrix.write(to: root.appending(path: "Tests/Long/faults/run.py"), atomically: false, encoding: .utf8)
        }

        /// Runs the runner; returns its exit status and what it printed, by lines.
        func run(stepSeconds: String? = nil) throws -> (status: Int32, lines: [String]) {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["python3", root.appending(path: "scripts/run-tests").path()]
            var environment = ProcessInfo.processInfo.environment
            environment["PATH"] = root.appending(path: "bin").path() + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
            environment["VERBOSE"] = nil
            environment["STEP_SECONDS"] = stepSeconds
            process.environment = environment
            let output = Pipe()
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let printed = try output.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            try FileManager.default.removeItem(at: root)
            return (
                process.terminationStatus,
                String(decoding: printed, as: UTF8.self).split(separator: "\n").map(String.init)
            )
        }
    }

    private static let many = "for n in $(seq 3000); do echo \"✔ Test number$n() passed after 0.001 seconds.\"; done"
    private static let closing = "✔ Test run with 6000 tests in 9 suites passed after 1.000 seconds."

    @Test func `tests that pass leave a handful of lines, the last of which counts them`() throws {
        let run = try Checkout(tests: "\(Self.many)\n\(Self.many)\necho '\(Self.closing)'").run()
        #expect(run.status == 0)
        #expect(run.lines.count < 10, "\(run.lines.count) lines")
        #expect(run.lines.contains(Self.closing))
    }

    @Test
    func `a failure among thousands of lines is repeated at the end, with its values, and nothing after it is skipped`()
        throws
    {
        let tests = """
            \(Self.many)
            echo '✘ Test aLease() recorded an issue at LeaseTests.swift:7:9: Expectation failed: (a → 1) == 2'
            echo '↳ it was renewed'
            \(Self.many)
            echo '✘ Test run with 6001 tests in 9 suites failed after 1.000 seconds with 1 issue.'
            exit 1
            """
        let run = try Checkout(tests: tests).run()
        #expect(run.status == 1)
        #expect(run.lines.count < 20, "\(run.lines.count) lines")
        let issue = try #require(run.lines.firstIndex { $0.contains("LeaseTests.swift:7:9") })
        #expect(run.lines[issue + 1].contains("it was renewed"))
        #expect(run.lines.contains { $0.hasPrefix("faults: ok") })
        #expect(run.lines.contains("9 rows: 9 ok, 0 failed, 0 skipped"))
    }

    @Test func `tests that break off are told by those that were running`() throws {
        let tests =
            "echo '◇ Test first() started.'; echo '◇ Test second() started.'; echo '✔ Test first() passed after 0.1 seconds.'; exit 132"
        let run = try Checkout(tests: tests).run()
        #expect(run.status == 1)
        #expect(run.lines.contains { $0.hasSuffix("  second()") })
        #expect(!run.lines.contains { $0.hasSuffix("  first()") })
    }

    @Test func `tests that never end are stopped, and told by those that were running`() throws {
        let tests = "echo '◇ Test first() started.'; sleep 600 & wait"
        let run = try Checkout(tests: tests).run(stepSeconds: "10")
        #expect(run.status == 1)
        #expect(run.lines.contains { $0.hasSuffix("error: not done after 10 s, and stopped") })
        #expect(run.lines.contains { $0.hasSuffix("  first()") })
        #expect(run.lines.contains { $0.hasPrefix("faults: ok") })
    }

    @Test func `no test has a limit that counts how long it waits for its turn`() {
        // Swift Testing starts a test's clock when it is handed to the threads that run tests, of which there are as many as
        // cores: behind tests that block them a test of a millisecond takes ten minutes by that clock.
        #expect(SourceTree.tests.count > 50)
        #expect(SourceTree.tests.flatMap { $0.places(of: /\.timeLimit\(/) } == [])
    }

    @Test func `a fault that fails is shown with all that its row said, and no other row's`() throws {
        let faults =
            "echo 'crash: a promise'; echo 'ok crash 3 s'; echo 'pause: another'; echo '    it was lost'; echo 'FAILED pause 4 s'; exit 1"
        let run = try Checkout(tests: "echo '\(Self.closing)'", faults: faults).run()
        #expect(run.status == 1)
        #expect(run.lines.contains { $0.hasSuffix("it was lost") })
        #expect(!run.lines.contains { $0.contains("crash") })
    }
}
