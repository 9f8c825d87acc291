// Looking at eight bytes at once has to find what looking at each would.

import TestRandom
import Testing
import Text

@testable import HTTP

@Suite struct EightBytesTests {
    /// Bytes that mean something somewhere, and their neighbours.
    private static let telling: [UInt8] = [
        0x00, 0x01, 0x08, 0x09, 0x0A, 0x0B, 0x0D, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x2F, 0x3E, 0x3F,
        0x40, 0x41, 0x4D, 0x5A, 0x5B, 0x60, 0x61, 0x7A, 0x7B, 0x7E, 0x7F, 0x80, 0xC1, 0xDA,
        0x81,
        0xFE, 0xFF,
    ]

    /// Mostly letters, so that long plain stretches come about.
    private static func bytes(using generator: inout SplitMix64) -> [UInt8] {
        let rarity = Int.random(in: 1...24, using: &generator)
        return (0..<Int.random(in: 0...40, using: &generator)).map { _ in
            Int.random(in: 0..<rarity, using: &generator) == 0
                ? telling.randomElement(using: &generator) ?? 0 : UInt8.random(in: 0x61...0x7A, using: &generator)
        }
    }

    @Test func `what is found is what a look at each byte finds`() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let bytes = Self.bytes(using: &generator)
            let start = Int.random(in: 0...bytes.count, using: &generator)
            let range = start..<Int.random(in: start...bytes.count, using: &generator)
            let byte = Self.telling.randomElement(using: &generator) ?? 0
            let circumstances: Comment = "seed \(seed): \(bytes), \(range), \(byte)"
            #expect(bytes.span.first(byte, in: range) == bytes[range].firstIndex(of: byte), circumstances)
            #expect(
                bytes.span.areFieldText(in: range)
                    == bytes[range].allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }, circumstances)

            let lower = bytes[range].map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }
            if range.count >= 8 {
                let expected = lower.span.eight(at: 0)
                #expect(bytes.span.eight(at: range.lowerBound).lowercased == expected, circumstances)
            }

            let isTarget = bytes[range].allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
            let shape = bytes.span.targetShape(in: range)
            #expect((shape != nil) == isTarget, circumstances)
            guard let shape else { continue }
            #expect(shape.pathEnd == bytes[range].firstIndex(of: UInt8(ascii: "?")) ?? range.upperBound, circumstances)
            #expect(shape.hasEscapes == bytes[range].contains(UInt8(ascii: "%")), circumstances)
        }
    }

    @Test(arguments: ["host", "authorization", "content-length", "x-netflix-discovery-replication", "a-b_c.d1"])
    func `a name is the same in any case, and no other is the same as it`(name: String) throws {
        let constant: StaticString =
            switch name {
            case "host": "host"
            case "authorization": "authorization"
            case "content-length": "content-length"
            case "x-netflix-discovery-replication": "x-netflix-discovery-replication"
            default: "a-b_c.d1"
            }
        let bytes = Array("x\(name)y".utf8)
        func isSame(_ bytes: [UInt8]) -> Bool { bytes[1..<bytes.count - 1].equalsIgnoringCase(constant) }
        #expect(isSame(bytes))
        #expect(isSame(bytes.map(\.uppercased)))
        for index in 1..<bytes.count - 1 {
            for byte in UInt8.min ... .max {
                var other = bytes
                other[index] = byte
                #expect(isSame(other) == (byte.lowercased == bytes[index]), "\(byte) at \(index)")
            }
        }
        #expect(!bytes[1...].equalsIgnoringCase(constant))
    }
}
