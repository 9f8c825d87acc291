import Foundation
import TestRandom
import Testing

@testable import Telemetry

struct EscapingTests {
    static let table: [(bytes: [UInt8], text: String, json: String)] = [
        (Array("plain /path?a=b é € 😀".utf8), "plain /path?a=b é € 😀", "plain /path?a=b é € 😀"),
        (Array(#"say "hi" \ bye"#.utf8), #"say \"hi\" \\ bye"#, #"say \"hi\" \\ bye"#),
        (Array("a\nb\r\tc".utf8), #"a\nb\r\tc"#, #"a\nb\r\tc"#),
        ([0x00, 0x1b, 0x5b, 0x7f], #"\x00\x1b[\x7f"#, #"\u0000\u001b[\u007f"#),
        (
            Array("nel\u{85}csi\u{9b}ls\u{2028}ps\u{2029}nbsp\u{a0}".utf8),
            "nel\\u0085csi\\u009bls\\u2028ps\\u2029nbsp\u{a0}",
            "nel\\u0085csi\\u009bls\\u2028ps\\u2029nbsp\u{a0}"
        ),
        // A name that reads from right to left, one with an invisible end, and tags, which are above U+FFFF.
        (
            Array("user\u{202e}nimda\u{202c} a\u{200b}b\u{2066}c\u{2069}".utf8),
            "user\\u202enimda\\u202c a\\u200bb\\u2066c\\u2069",
            "user\\u202enimda\\u202c a\\u200bb\\u2066c\\u2069"
        ),
        (
            Array("\u{e0001}\u{e0041}x\u{e01ef}".utf8), #"\U000e0001\U000e0041x\U000e01ef"#,
            #"\udb40\udc01\udb40\udc41x\udb40\uddef"#
        ),
        (Array("שלום مرحبا 日本語 e\u{301}".utf8), "שלום مرحبا 日本語 e\u{301}", "שלום مرحبا 日本語 e\u{301}"),
        ([0x61, 0xff, 0x62], #"a\xffb"#, "a\u{fffd}b"),
        ([0xc3], #"\xc3"#, "\u{fffd}"),
        ([0xe2, 0x82], #"\xe2\x82"#, "\u{fffd}\u{fffd}"),
        ([0xc0, 0x80], #"\xc0\x80"#, "\u{fffd}\u{fffd}"),
        ([0xed, 0xa0, 0x80], #"\xed\xa0\x80"#, "\u{fffd}\u{fffd}\u{fffd}"),
        ([0xf4, 0x90, 0x80, 0x80], #"\xf4\x90\x80\x80"#, "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        ([0xf4, 0x8f, 0xbf, 0xbf], "\u{10ffff}", "\u{10ffff}"),
        ([], "", ""),
    ]

    @Test(arguments: table)
    func `any bytes are rendered on one line`(row: (bytes: [UInt8], text: String, json: String)) {
        #expect(escaped(row.bytes, .text, limit: 1000) == row.text)
        #expect(escaped(row.bytes, .json, limit: 1000) == row.json)
    }

    @Test func `a character that is not seen, or that moves others, never stands in a line, in no format`() throws {
        for value in UInt32(0x80)...0x10_ffff {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let category = scalar.properties.generalCategory
            let isHidden =
                [.control, .format, .lineSeparator, .paragraphSeparator].contains(category)
                || scalar.properties.isDefaultIgnorableCodePoint
            let bytes = Array(String(scalar).utf8)
            guard isHidden else {
                if escaped(bytes, .json, limit: 8) != String(scalar) {
                    Issue.record("U+\(String(value, radix: 16)) is escaped")
                }
                continue
            }
            for style in [EscapeStyle.text, .json] where !escaped(bytes, style, limit: 8).utf8.allSatisfy({ $0 < 0x7f })
            {
                Issue.record("U+\(String(value, radix: 16)) stands as it is")
            }
        }
    }

    @Test(arguments: [
        ("abcdef", 6, "abcdef"), ("abcdefg", 6, "abcdef…"), ("abcdeé", 6, "abcde…"), ("abcd€x", 6, "abcd…"),
        ("abc😀", 6, "abc…"),
        ("ab😀x", 6, "ab😀…"), ("é", 1, "…"), ("ab", 0, "…"),
    ])
    func `a long value is cut between two characters`(value: String, limit: Int, expected: String) {
        #expect(escaped(Array(value.utf8), .json, limit: limit) == expected)
        #expect(escaped(Array(value.utf8), .text, limit: limit) == expected)
    }

    @Test func `random bytes never yield invalid JSON nor a second line`() throws {
        let seed: UInt64 = 7
        var random = SplitMix64(seed: seed)
        // Bytes that matter come often: leads, tails, quotes, controls.
        let likely: [UInt8] = [
            0x22, 0x5c, 0x0a, 0x0d, 0xc2, 0x85, 0xe2, 0x80, 0xa8, 0xf0, 0x9f, 0xed, 0xa0, 0xf4, 0x61,
        ]
        for _ in 0..<3_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? likely.randomElement(using: &random) ?? 0 : UInt8.random(in: 0...255, using: &random)
            }
            let limit = Int.random(in: 0...40, using: &random)
            var json = Array("[\"".utf8)
            json.append(escaping: bytes.span, style: .json, limit: limit)
            json.append("\"]")
            #expect(throws: Never.self, "seed \(seed), \(bytes)") { try JSONSerialization.jsonObject(with: Data(json)) }
            #expect(String(validating: json, as: UTF8.self) != nil, "seed \(seed), \(bytes)")
            var text: [UInt8] = []
            text.append(escaping: bytes.span, style: .text, limit: limit)
            #expect(
                String(validating: text, as: UTF8.self)?.contains(where: \.isNewline) == false, "seed \(seed), \(bytes)"
            )
            // What is whole and valid comes back as it was.
            if limit >= bytes.count, let original = String(validating: bytes, as: UTF8.self) {
                #expect(
                    try JSONSerialization.jsonObject(with: Data(json)) as? [String] == [original],
                    "seed \(seed), \(bytes)")
            }
        }
    }

    private func escaped(_ bytes: [UInt8], _ style: EscapeStyle, limit: Int) -> String {
        var result: [UInt8] = []
        result.append(escaping: bytes.span, style: style, limit: limit)
        return text(result)
    }
}
