// Digits are written in lower case and in full, and read in that form only where they name something.

import Testing
import Text

struct HexDigitsTests {
    @Test(arguments: [0, 1, 0xF, 0x10, 0xDEAD_BEEF, 0x0123_4567_89AB_CDEF, .max] as [UInt64])
    func `a number is written with all its digits and read back`(number: UInt64) {
        let plain = String(number, radix: 16)
        let padded = String(repeating: "0", count: 16 - plain.count) + plain
        #expect(number.hexadecimal == padded)
        #expect(UInt64(lowercaseHexadecimal: Array(padded.utf8)[...]) == number)
        #expect(UInt64(lowercaseHexadecimal: Array(plain.utf8)[...]) == number)

        var appended: [UInt8] = []
        for digits in [0, 1, 4, 16] { appended.append(hexadecimal: number, digits: digits) }
        #expect(String(decoding: appended, as: UTF8.self) == padded.suffix(1) + padded.suffix(4) + padded)

        for digits in 0...16 {
            let written = [UInt8](room: 16) { $0.append(hexadecimal: number, digits: digits) }
            #expect(String(decoding: written, as: UTF8.self) == padded.suffix(digits))
        }
    }

    @Test(arguments: ["", "g", "A", "0x1", "-1", " 1", "12345678901234567", "00000000000000000", "é"])
    func `what is no number of lower-case digits is none`(text: String) {
        #expect(UInt64(lowercaseHexadecimal: Array(text.utf8)[...]) == nil)
    }

    @Test(arguments: UInt8.min...UInt8.max)
    func `a digit of either case has its value, and nothing else has one`(byte: UInt8) {
        let expected = byte < 0x80 ? Character(Unicode.Scalar(byte)).hexDigitValue : nil
        #expect(byte.hexadecimalValue.map(Int.init) == expected)
    }
}
