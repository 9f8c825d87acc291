// What the writer appends is exactly the JSON of RFC 8259, shortest escapes first.

import JSON
import Testing
import Text

@Test(arguments: [
    ("", #""""#), ("web", #""web""#), ("a\"b\\c/d", #""a\"b\\c/d""#), ("\u{8}\t\n\u{C}\r", #""\b\t\n\f\r""#),
    ("\0\u{1F}\u{7F}", "\"\\u0000\\u001f\u{7F}\""),
    ("\"\"", #""\"\"""#), ("é😀\u{2028}", "\"é😀\u{2028}\""),
    ("a string longer than sixteen bytes\n", #""a string longer than sixteen bytes\n""#),
    ("eight by", #""eight by""#), ("eight \"by", #""eight \"by""#), ("twelve\u{1F}bytes", #""twelve\u001fbytes""#),
])
func `a string is written with the escapes it needs and no others`(string: String, expected: String) {
    var bytes = Array("x".utf8)
    bytes.appendJSON(string: string)
    #expect(String(decoding: bytes, as: UTF8.self) == "x" + expected)

    bytes = []
    bytes.appendJSON(string: Array(string.utf8)[...])
    #expect(String(decoding: bytes, as: UTF8.self) == expected)

    // A collection without contiguous storage takes the other way through.
    bytes = []
    bytes.appendJSON(string: Array(string.utf8.reversed()).reversed())
    #expect(String(decoding: bytes, as: UTF8.self) == expected)

    // Where there is room for the longest.
    let room = OutputSpan<UInt8>.longestEscape * string.utf8.count + 2
    #expect([UInt8](room: room) { $0.appendJSON(string: string) } == Array(expected.utf8))
    #expect([UInt8](room: room) { $0.appendJSON(string: Array(string.utf8)[...]) } == Array(expected.utf8))
}

@Test(arguments: [
    0, 1, 9, 10, 11, 99, 100, 4_294_967_295, UInt64.max - 1, UInt64.max, 10_000_000_000_000_000_000,
    9_999_999_999_999_999_999,
])
func `an unsigned number is written as its digits`(number: UInt64) {
    var bytes: [UInt8] = []
    bytes.appendJSON(number)
    #expect(String(decoding: bytes, as: UTF8.self) == String(number))
}

@Test(arguments: [0, 1, -1, -10, 10, Int64.min, Int64.max])
func `a signed number is written as its digits`(number: Int64) {
    var bytes: [UInt8] = []
    bytes.appendJSON(number)
    bytes.append(literal: ",")
    bytes.appendJSON(Int(number))
    #expect(String(decoding: bytes, as: UTF8.self) == "\(number),\(number)")
}
