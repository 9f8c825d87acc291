// One byte string, one spelling.

import Foundation
import TestRandom
import Testing
import Text

struct Base64Tests {
    @Test func `bytes are written as the standard has it, and read back`() {
        var generator = SplitMix64(seed: 3)
        for count in 0..<300 {
            let content = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Base64.standard.encode(content)
            #expect(String(decoding: text, as: UTF8.self) == Data(content).base64EncodedString())
            #expect(Base64.standard.decode(padded: text[...]) == content)
            #expect(Base64.either.decode(loosely: text[...]) == content)
            #expect(Base64.either.decode(loosely: Base64.url.encode(content)[...]) == content)
        }
    }

    @Test(arguments: [
        "A", "AA", "AAA", "=", "====", "A===", "AA=A", "AB==", "AAB=", "AA-_", "AA A", "AAAA=", "AAAA\n", "AA==AAAA",
    ])
    func `what is not exactly base64 is refused`(text: String) {
        #expect(Base64.standard.decode(padded: Array(text.utf8)[...]) == nil)
    }

    @Test(
        arguments: [
            ("", []), ("AA", [0]), ("_w", [255]), ("-_8", [251, 255]), ("AAAA", [0, 0, 0]),
            ("Zm9vYmFy", Array("foobar".utf8)),
            ("Zm9vYmE", Array("fooba".utf8)),
            ("Zm9vYg", Array("foob".utf8)), ("____", [255, 255, 255]),
        ] as [(String, [UInt8])])
    func `base64url without padding is decoded`(text: String, expected: [UInt8]) {
        #expect(Base64.url.decode(unpadded: Array(text.utf8)[...]) == expected)
    }

    @Test(arguments: [
        "A", "AAAAA", "AA==", "AA=", "=", "AAA=", "AB", "_x", "-_9", "Zm9vYh", "+/8", "A A", "AA\n", " AA", "AAé",
        "A.A", "AA\0A",
    ])
    func `padding, another alphabet, white space and stray bits are refused`(text: String) {
        #expect(Base64.url.decode(unpadded: Array(text.utf8)[...]) == nil)
    }

    @Test(arguments: ["_w", "/w", "_x=", "/w==", "/=w", "_w="])
    func `what was meant may be in either alphabet, with any padding and stray bits`(text: String) {
        #expect(Base64.either.decode(loosely: Array(text.utf8)[...]) == [255])
    }

    @Test func `no two spellings of up to three characters mean the same bytes`() {
        let characters = (UInt8.min...UInt8.max).filter { Base64.url.value(of: $0) != nil }
        #expect(characters.count == 64)
        var seen: Set<[UInt8]> = []
        for first in characters {
            for second in characters {
                if let bytes = Base64.url.decode(unpadded: [first, second]) { #expect(seen.insert(bytes).inserted) }
                for third in characters {
                    if let bytes = Base64.url.decode(unpadded: [first, second, third]), !seen.insert(bytes).inserted {
                        Issue.record("\(bytes) has two spellings")
                    }
                }
            }
        }
        #expect(seen.count == 256 + 65_536)
    }
}
