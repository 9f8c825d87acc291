// Numbers in base 128: written by two kinds of buffers, measured beforehand, and read again.

import TestRandom
import Testing
import Text

struct Base128Tests {
    @Test func `the layout is that of LEB128`() {
        for (number, bytes) in [
            (0, [0x00]), (127, [0x7F]), (128, [0x80, 0x01]), (300, [0xAC, 0x02]), (16_384, [0x80, 0x80, 0x01]),
        ] as [(UInt64, [UInt8])] {
            var written: [UInt8] = []
            written.append(number: number)
            #expect(written == bytes, "\(number)")
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `what is written takes what was measured, and is read again`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var (bytes, numbers) = ([] as [UInt8], [] as [Int])
        for _ in 0..<200 {
            let number = Int.random(in: 0 ... .max, using: &random) >> Int.random(in: 0..<63, using: &random)
            let count = bytes.count
            bytes.append(count: number)
            #expect(bytes.count - count == [UInt8].digits(of: number), "\(number)")
            let output = [UInt8](room: 10) { $0.append(number: UInt64(number)) }
            #expect(output[...] == bytes[count...], "\(number)")
            numbers.append(number)
        }
        var place = 0
        for number in numbers {
            let (value, end) = bytes.span.number(at: place)
            #expect(value == number)
            place = end
        }
        #expect(place == bytes.count)
    }

    @Test func `bytes and text stand after their count`() {
        var bytes: [UInt8] = []
        bytes.append(counted: "ä")
        bytes.append(counted: [1, 2, 3][...])
        #expect(bytes == [2, 0xC3, 0xA4, 3, 1, 2, 3])
        #expect([UInt8](room: 4) { $0.append(counted: [1, 2, 3][...]) } == [3, 1, 2, 3])
    }

    @Test func `what a URL does not take is escaped`() {
        func encoded(_ text: String, _ allowed: ByteSet) -> String {
            var bytes: [UInt8] = []
            bytes.append(percentEncoded: text.utf8, allowing: allowed)
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(encoded("aZ09-._~", .unreserved) == "aZ09-._~")
        #expect(encoded("a:b/c d+ä\u{1}", .unreserved) == "a%3Ab%2Fc%20d%2B%C3%A4%01")
        #expect(encoded("APP:host-1/x", .segment) == "APP:host-1%2Fx")
    }

    @Test func `case is that of ASCII letters alone`() {
        for byte in UInt8.min...UInt8.max {
            let character = Character(UnicodeScalar(byte))
            let isLetter = character.isASCII && character.isLetter
            #expect(byte.lowercased == (isLetter ? character.lowercased().utf8.first : byte))
            #expect(byte.uppercased == (isLetter ? character.uppercased().utf8.first : byte))
        }
    }
}
