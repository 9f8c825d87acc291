import TestRandom
import Testing

@testable import Catalog

struct InstanceIDTests {
    @Test(arguments: [
        "0000000000000000", "0123456789abcdef", "ffffffffffffffff", "00000000deadbeef", "8000000000000000",
    ])
    func `sixteen lower-case hexadecimal digits become a number and come back`(text: String) throws {
        let id = try #require(InstanceID(Array(text.utf8)[...]))
        #expect(id == .digest(try #require(UInt64(text, radix: 16))))
        #expect(id.description == text)
        #expect(id.utf8 == Array(text.utf8))
    }

    @Test(arguments: [
        "", "a", "0123456789ABCDEF", "0123456789abcdeg", "0123456789abcde", "0123456789abcdef0", "+123456789abcdef",
        "0123456789abcde\u{E9}",
        "/////////////////", ":000000000000000", "`000000000000000", "host-1:app:8080", composed, decomposed,
    ])
    func `any other text is kept byte for byte`(text: String) throws {
        let id = try #require(InstanceID(Array(text.utf8)[...]))
        #expect(id == .text(Name(text)))
        #expect(id.description.utf8.elementsEqual(text.utf8))
        #expect(id.utf8 == Array(text.utf8))
    }

    @Test(arguments: [[0xFF], [0xC0, 0x80], [0x61, 0xE9], [0xED, 0xA0, 0x80]] as [[UInt8]])
    func `bytes that are not UTF-8 are no id`(bytes: [UInt8]) {
        #expect(InstanceID(bytes[...]) == nil)
    }

    @Test func `an id may lie anywhere in a larger buffer`() {
        let path = Array("/api/v1/instances/00000000000000ff/heartbeat".utf8)
        #expect(InstanceID(path[18..<34]) == .digest(255))
    }

    @Test(arguments: 0..<20)
    func `ids are ordered by their text, whichever form they have`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let texts = [
            "", "0", "00000000", "8", "zebra", "0123456789abcdefg", "0123456789ABCDEF", composed, "fffffffffffffff",
        ]
        let ids =
            texts.map { InstanceID.text(Name($0)) }
            + (0..<20).map { _ in .digest(random.next() >> UInt64.random(in: 0..<60, using: &random)) }
        for left in ids {
            for right in ids {
                let byText = left.utf8.lexicographicallyPrecedes(right.utf8)
                #expect((left < right) == byText, "\(left) < \(right): seed \(seed)")
                #expect((left == right) == (left.utf8 == right.utf8), "\(left) == \(right): seed \(seed)")
            }
        }
    }
}
