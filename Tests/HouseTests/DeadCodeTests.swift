// A declaration that nobody names is a line that a reader studies for nothing. The compiler warns of it within a
// function; here it is looked for among all files, by its name.

import Foundation
import Testing

struct DeadCodeTests {
    /// Declarations that something outside of the sources finds by their place or type, each with who does.
    static let foundOtherwise = [
        "sendErrorInsteadOfEvhttp": "evhttp calls it by its C name"
    ]

    /// How often each identifier stands in Sources and Tests, comments aside. A literal counts: what it interpolates is
    /// used.
    private static let occurrences: [String: Int] = {
        var counts: [String: Int] = [:]
        for (_, text) in SourceTree.texts(under: "Sources") + SourceTree.texts(under: "Tests") {
            Identifiers.forEach(in: text) { counts[$0, default: 0] += 1 }
        }
        return counts
    }()

    @Test(arguments: SourceTree.files)
    func `what is declared is named somewhere`(file: SourceFile) {
        for (number, line) in file.code.enumerated() {
            guard let name = Self.declaration(line), Self.foundOtherwise[name] == nil else { continue }
            #expect(
                Self.occurrences[name, default: 0] > 1,
                "\(file.path):\(number + 1): nobody names \(name): take it out, or say in DeadCodeTests.swift who finds it"
            )
        }
    }

    @Test func `what is found otherwise exists`() {
        for name in Self.foundOtherwise.keys {
            #expect(Self.occurrences[name] != nil, "\(name) is gone: take its line out")
        }
    }

    @Test func `names are counted in code and in what literals interpolate, and not in comments`() {
        var names: [String] = []
        Identifiers.forEach(in: "let a1 = \"\\(b) c\" // d\n/// e\nf(_g)\nlet url = \"http://h\"") { names.append($0) }
        #expect(names == ["let", "a1", "b", "c", "f", "_g", "let", "url", "http", "h"])
    }

    /// The name that a line declares, of a function, a property or a type.
    private static func declaration(_ line: String) -> String? {
        let words = line.words
        guard let keyword = words.firstIndex(where: declaring.contains), keyword + 1 < words.count else { return nil }
        // What stands before it: modifiers and attributes. Else it is a local declaration, as in `if let`, or a use of
        // the word.
        guard words[..<keyword].allSatisfy({ modifiers.contains($0) || $0.first?.isUppercase == true }) else {
            return nil
        }
        guard !words[..<keyword].contains("private") else { return nil }
        return String(words[keyword + 1])
    }

    private static let declaring: Set<Substring> = [
        "func", "var", "let", "struct", "class", "enum", "protocol", "typealias",
    ]
    private static let modifiers: Set<Substring> = [
        "public", "package", "internal", "private", "fileprivate", "static", "final", "mutating", "borrowing",
        "consuming", "override",
        "lazy",
        "weak", "unowned", "unsafe", "set", "indirect", "nonisolated", "inline", "__always", "never", "inlinable",
        "discardableResult",
        "convenience",
        "_cdecl", "c", "async",
    ]
}

/// The identifiers of a file, read by bytes: some millions of them are looked at.
private enum Identifiers {
    static func forEach(in text: String, _ body: (String) -> Void) {
        let bytes = Array(text.utf8)
        var index = 0
        var isInLiteral = false
        while index < bytes.count {
            let byte = bytes[index]
            if isPart(byte) {
                let start = index
                while index < bytes.count, isPart(bytes[index]) { index += 1 }
                body(String(decoding: bytes[start..<index], as: UTF8.self))
                continue
            }
            switch byte {
            case UInt8(ascii: "\n"): isInLiteral = false
            case UInt8(ascii: "\\"): if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "\"") { index += 1 }
            case UInt8(ascii: "\""): isInLiteral.toggle()
            case UInt8(ascii: "/"):
                if !isInLiteral, index + 1 < bytes.count, bytes[index + 1] == byte {
                    while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
                    continue
                }
            default: break
            }
            index += 1
        }
    }

    private static func isPart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
