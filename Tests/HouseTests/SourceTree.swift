// The sources as text, which is all that the house's rules need: they are about words that may stand here and not
// there. Comments and string literals are blanked before a rule looks, so that prose may name what code must not do.

import Foundation
import Testing

/// One Swift file of a target.
struct SourceFile: Sendable, CustomTestStringConvertible {
    /// From the root of the repository, as in `Sources/JSON/JSONReader.swift`.
    let path: String
    let target: String
    let text: String

    var testDescription: String { path }

    /// The lines as they are written; line 1 is at index 0.
    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// The lines without comments and the contents of string literals, under the same numbers.
    var code: [String] {
        var inLiteral = false
        return lines.map { line in
            // A literal of several lines: everything in it is blanked, interpolations too.
            if line.contains("\"\"\"") {
                inLiteral = line.components(separatedBy: "\"\"\"").count % 2 == 0 ? !inLiteral : inLiteral
                return ""
            }
            if inLiteral { return "" }
            let withoutStrings = line.replacing(/"(?:\\.|[^"\\])*"/, with: "\"\"")
            return String(
                withoutStrings.prefix(upTo: withoutStrings.firstRange(of: "//")?.lowerBound ?? withoutStrings.endIndex))
        }
    }

    /// Where the pattern stands in the code, as `path:line: text`.
    func places(of pattern: some RegexComponent, unless excused: (Int) -> Bool = { _ in false }) -> [String] {
        code.enumerated().compactMap { index, line in
            guard line.contains(pattern), !excused(index) else { return nil }
            return "\(path):\(index + 1): \(lines[index].trimmingCharacters(in: .whitespaces))"
        }
    }
}

/// The repository that this test was built from.
enum SourceTree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Every Swift file under Sources, by path, and the one target that lives elsewhere.
    static let files: [SourceFile] = swiftFiles(under: "Sources")

    /// Every Swift file under Tests, by path.
    static let tests: [SourceFile] = swiftFiles(under: "Tests")

    static func text(_ path: String) -> String? { try? String(contentsOf: root.appending(path: path), encoding: .utf8) }

    /// Every document that is part of the repository.
    static let documents: [String] = ["", "docs", "Benchmarks", "Tests/Corpus", "Tests/FuzzTests/Crashes"].flatMap {
        folder in
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path())) ?? []
        return names.filter { $0.hasSuffix(".md") }.sorted().map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
    }

    /// What is written in Swift and Python under a folder.
    static func texts(under folder: String) -> [(path: String, text: String)] {
        let found = FileManager.default.enumerator(atPath: root.appending(path: folder).path())
        return (found?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") || $0.hasSuffix(".py") }
            .sorted().compactMap {
                name in
                text("\(folder)/\(name)").map { ("\(folder)/\(name)", $0) }
            }
    }

    private static func swiftFiles(under folder: String) -> [SourceFile] {
        let found = FileManager.default.enumerator(atPath: root.appending(path: folder).path())
        return (found?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") }.sorted().compactMap {
            name in
            guard let text = text("\(folder)/\(name)") else { return nil }
            let target = String(name.prefix { $0 != "/" })
            return SourceFile(path: "\(folder)/\(name)", target: target, text: text)
        }
    }
}
