// Percent-decoding byte by byte: all 65,536 pairs behind a percent sign, and all 256 values of one.

import Foundation
import TestRandom
import Testing

@testable import HTTP

@Suite struct PercentDecodingTests {
    private func decoded(_ encoded: [UInt8], as part: PercentDecoding.Part = .path) -> String? {
        try? PercentDecoding.string(encoded[...], as: part)
    }

    @Test func `R806 only two hexadecimal digits make an escape, of all pairs of bytes`() {
        for high in UInt8.min...UInt8.max {
            for low in UInt8.min...UInt8.max {
                let isHexadecimal =
                    Character(UnicodeScalar(high)).isHexDigit && Character(UnicodeScalar(low)).isHexDigit && high < 0x80
                    && low < 0x80
                // A pair of digits may still name a control character, or a part of a longer character.
                let value = isHexadecimal ? UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16) : nil
                let isTaken = value.map { $0 >= 0x20 && $0 < 0x7F } ?? false
                if (decoded([0x25, high, low]) != nil) != isTaken { Issue.record("%, then bytes \(high) and \(low)") }
            }
        }
    }

    @Test func `every printable ASCII character comes back from its escape in either case`() {
        for byte in UInt8(0x20)...0x7E {
            let expected = String(decoding: [byte], as: UTF8.self)
            for format in ["%%%02x", "%%%02X"] {
                #expect(decoded(Array(String(format: format, Int(byte)).utf8)) == expected)
            }
        }
    }

    @Test func `R108 a plus sign is a space in a query only, and an escaped one never`() {
        #expect(decoded(Array("a+b%2B%20".utf8), as: .query) == "a b+ ")
        #expect(decoded(Array("a+b%2B%20".utf8), as: .path) == "a+b+ ")
    }

    @Test func `an escape at the very end of a slice does not read past it`() {
        let bytes = Array("%4142".utf8)
        #expect((try? PercentDecoding.string(bytes[0..<3], as: .path)) == "A")
        #expect((try? PercentDecoding.string(bytes[0..<2], as: .path)) == nil)
        #expect((try? PercentDecoding.string(bytes[0..<1], as: .path)) == nil)
        #expect((try? PercentDecoding.string(bytes[0..<0], as: .path)) == "")
    }

    @Test func `each piece appended is UTF-8 by itself`() {
        // Half a character in each of two segments must not make a whole one.
        var bytes: [UInt8] = []
        #expect(throws: Refusal.self) { try PercentDecoding.append(Array("%c3".utf8)[...], to: &bytes, as: .path) }
        bytes = [0xC3]
        #expect(throws: Refusal.self) { try PercentDecoding.append(Array("%bc".utf8)[...], to: &bytes, as: .path) }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `any text comes back from its escapes`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        for _ in 0..<500 {
            let scalars = (0..<Int.random(in: 0...12, using: &generator)).compactMap { _ in
                UnicodeScalar(UInt32.random(in: 0x20...0x10FFFF, using: &generator)).flatMap {
                    $0.value == 0x7F ? nil : $0
                }
            }
            let text = scalars.map { String(Character($0)) }.joined()
            let escaped = text.utf8.map { String(format: "%%%02X", Int($0)) }.joined()
            #expect(decoded(Array(escaped.utf8)).map { Array($0.utf8) } == Array(text.utf8), "seed \(seed): \(escaped)")
        }
    }
}

extension String {
    /// The text without its escapes, or nil for a bad escape or bytes that are not UTF-8: the naive model.
    var removingPercentEncodingStrictly: String? {
        var bytes: [UInt8] = []
        var rest = Substring(self)
        while let character = rest.popFirst() {
            guard character == "%" else {
                bytes.append(contentsOf: String(character).utf8)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, digits.allSatisfy(\.isHexDigit), let byte = UInt8(digits, radix: 16) else {
                return nil
            }
            bytes.append(byte)
            rest.removeFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
