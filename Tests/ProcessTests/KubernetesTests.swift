// The registry beside an API server of Kubernetes, as processes with sockets between them. The server and what is checked
// are those of `make test.kubernetes`, which has more of it: what takes seconds is run here.

import Foundation
import Glibc
import Testing

@Suite struct KubernetesTests {
    @Test(arguments: [
        // K201-K205 What runs there is shown, and changes by the watch.
        "what_runs_there",
        // K208, K209 Bookmarks are where the next watch begins; what was missed is listed, in pages.
        "a_list_is_taken", "what_was_missed", "an_event_of_410",
        // K206 Pods' labels are tags. K207, K212 One stream each, and one that is refused hides no other.
        "pods_labels", "namespaces_are_shown",
        // K211 A token that changes is taken over.
        "a_token_that_changes",
    ])
    func `an API server of Kubernetes is followed over sockets`(check: String) throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "python3", root.appending(path: "Long/kubernetes_source.py").path(), "--registry",
            try RunningRegistry.program(), check,
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        // The checks have deadlines of their own, and say what they awaited.
        let printed = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0 && printed.contains("1 passed, 0 failed"), "\(printed)")
    }
}
