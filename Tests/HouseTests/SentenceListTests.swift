// What users read (errors, log lines, settings) is read as a whole by somebody who did not write it, from the list that
// `scripts/sentences` prints. A sentence that the list leaves out is read by nobody, so the list is tried here on every
// way in which the sources write one.

import Foundation
import Testing

struct SentenceListTests {
    private static let script = SourceTree.root.appending(path: "scripts/sentences")

    /// Runs the script at a path; returns its exit status and the lines that it printed.
    private static func run(_ script: URL, _ arguments: [String] = []) throws -> (status: Int32, lines: [String]) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["python3", script.path()] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = Pipe()
        try process.run()
        let printed = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (
            process.terminationStatus, String(decoding: printed, as: UTF8.self).split(separator: "\n").map(String.init)
        )
    }

    /// What the script prints of a source, without the path.
    private static func list(_ source: String, _ arguments: [String] = []) throws -> [String] {
        let files = FileManager.default
        let root = files.temporaryDirectory.appending(path: "sentences-\(UUID().uuidString)")
        defer { try? files.removeItem(at: root) }
        for folder in ["scripts", "Sources/Room"] {
            try files.createDirectory(at: root.appending(path: folder), withIntermediateDirectories: true)
        }
        try files.copyItem(at: script, to: root.appending(path: "scripts/sentences"))
        try source.write(to: root.appending(path: "Sources/Room/File.swift"), atomically: false, encoding: .utf8)
        return try run(root.appending(path: "scripts/sentences"), arguments).lines.map {
            String($0.dropFirst("Sources/Room/File.swift:".count))
        }
    }

    @Test func `the list has what each kind of sentence is known by`() throws {
        let (status, lines) = try Self.run(Self.script)
        #expect(status == 0)
        for (kind, words) in [
            ("setting", "The port of the REST API."), ("setting", "a port from 1 to 65535"), ("log", "stopping"),
            ("log", "certificates reloaded"), ("metric", "Instances registered."), ("command", "whether it is ready"),
            ("error", "the token has expired"), ("error", "there is no such instance in this namespace"),
        ] {
            #expect(
                lines.contains { $0.contains(": \(kind): ") && $0.contains(words) },
                "no \(kind) with '\(words)' among \(lines.count)")
        }
    }

    @Test func `a sentence is found however the source writes it, and at its line`() throws {
        let source = ##"""
            // A comment with "a quoted sentence" in it.
            /* And /* a nested */ "one more sentence" */
            let joined = "a sentence in " // with a comment between
                + "two pieces"
            let filled = "the file \(name ?? "without a name") cannot be read: \(reasons.joined(separator: ", "))"
            let escaped = "a \"quoted\" word and \\ a backslash"
            let raw = #"a raw "sentence" with \#(one) filling"#
            let block = """
                a sentence of
                two lines
                """
            logger.warning("gone", metadata: ["some key": "\(value)", "reason": "\(reason ?? "for no reason")"])
            logger.log(level: .info, isFirst ? "came first" : "came later")
            precondition(count > 0, "what only developers see")
            let header = "Content-Encoding: gzip"
            let word = "word"
            #if DEBUG
                let broken = "what only a debug build says"
            #endif
            """##
        #expect(
            try Self.list(source) == [
                "12: log: gone", "12: log: for no reason", "13: log: came first", "13: log: came later",
                "3: error: a sentence in two pieces", "5: error: without a name",
                "5: error: the file {…} cannot be read: {…}",
                #"6: error: a "quoted" word and \ a backslash"#, #"7: error: a raw "sentence" with {…} filling"#,
                "8: error: a sentence of two lines",
            ])
    }

    @Test func `no sentence has a word that the glossary replaces`() throws {
        let (status, lines) = try Self.run(Self.script, ["--check"])
        #expect(status == 0, "\(lines.joined(separator: "\n"))")
    }

    @Test func `a word that the glossary replaces is found`() throws {
        let found = try Self.list(#"logger.info("a member is heard")"#, ["--check"])
        #expect(found.count == 1 && found.first?.contains("received, connected") == true, "\(found)")
    }

    @Test func `an unknown kind is refused`() throws {
        #expect(try Self.run(Self.script, ["poem"]).status == 2)
    }
}
