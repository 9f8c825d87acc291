// The grammar of RFC 8259 as a table, after the idea of JSONTestSuite: what every parser must take, what none may.

import JSON
import Testing

private func skipping(_ bytes: [UInt8]) throws(JSONError) {
    var reader = JSONReader(bytes)
    try reader.skipValue()
    try reader.finish()
}

@Test(arguments: [
    "null", "true", "false", "0", "-0", "1", "-1", "10", "0.5", "-0.5", "1e5", "1E5", "1e+5", "1E-5", "1.5e10", "0e0",
    "0E+1",
    "123456789012345678901234567890", "1e999", "-1e-999", " 1", "1 ", "\t\r\n 1 \t\r\n", "\"\"", "\"a\"", "\"\u{7F}\"",
    "\"é\"",
    "\"\u{7FF}\u{800}\u{FFFF}\"", "\"😀\u{10FFFF}\"", "\"\u{2028}\"", "\"\u{FEFF}\"", #""\"\\\/\b\f\n\r\t""#,
    #""\u0000""#,
    #""\u00e9\u00E9""#,
    #""\ud83d\ude00""#, #""\uD7FF\uE000""#, #""\uFFFF""#, "[]", "[ ]", "[1]", "[1,2]", "[ 1 , 2 ]", "[[],[[]]]", "{}",
    "{ }", "{\"a\":1}",
    "{ \"a\" : 1 , \"b\" : [ ] }", "{\"\":0}", "{\"a\":1,\"a\":2}", "{\"a\":{\"a\":{}}}", "[null,true,false,\"\",0,{}]",
    #"{"\u0061":1}"#,
])
func `every text the grammar allows is taken`(text: String) throws {
    let bytes = Array(text.utf8)
    try skipping(bytes)
    _ = try JSONTree(bytes)
}

struct Refusal: Sendable, CustomTestStringConvertible {
    let text: [UInt8]
    let kind: JSONError.Kind
    let offset: Int

    init(_ text: String, _ kind: JSONError.Kind, _ offset: Int) { self.init(Array(text.utf8), kind, offset) }

    init(_ text: [UInt8], _ kind: JSONError.Kind, _ offset: Int) {
        self.text = text
        self.kind = kind
        self.offset = offset
    }

    /// A string of these bytes between quotes.
    static func quoted(_ bytes: [UInt8], at offset: Int = 1) -> Refusal {
        Refusal([0x22] + bytes + [0x22], .invalidUTF8, offset)
    }

    var testDescription: String { String(decoding: text, as: UTF8.self) }
}

@Test(arguments: [
    // Nothing, or cut short.
    Refusal("", .unexpectedEnd, 0), Refusal("  ", .unexpectedEnd, 2), Refusal("[", .unexpectedEnd, 1),
    Refusal("{", .unexpectedEnd, 1),
    Refusal("[1", .unexpectedEnd, 2), Refusal("[1,", .unexpectedEnd, 3), Refusal("{\"a\"", .unexpectedEnd, 4),
    Refusal("{\"a\":", .unexpectedEnd, 5), Refusal("{\"a\":1", .unexpectedEnd, 6),
    Refusal("{\"a\":1,", .unexpectedEnd, 7),
    Refusal("\"", .unexpectedEnd, 1), Refusal("\"a", .unexpectedEnd, 2), Refusal("\"\\", .unexpectedEnd, 2),
    Refusal("\"\\\"", .unexpectedEnd, 3),
    Refusal("\"\\u", .unexpectedEnd, 3), Refusal("\"\\u00", .unexpectedEnd, 5), Refusal("-", .unexpectedEnd, 1),
    Refusal("1.", .unexpectedEnd, 2),
    Refusal("1e", .unexpectedEnd, 2), Refusal("1e+", .unexpectedEnd, 3), Refusal("nul", .unexpectedEnd, 3),
    Refusal("tru", .unexpectedEnd, 3),
    // Structure.
    Refusal("]", .unexpectedByte, 0), Refusal("}", .unexpectedByte, 0), Refusal(",", .unexpectedByte, 0),
    Refusal("[,]", .unexpectedByte, 1),
    Refusal("[1,]", .unexpectedByte, 3), Refusal("[,1]", .unexpectedByte, 1), Refusal("[1,,2]", .unexpectedByte, 3),
    Refusal("[1 2]", .unexpectedByte, 3), Refusal("[1}", .unexpectedByte, 2), Refusal("{1}", .unexpectedByte, 1),
    Refusal("{\"a\":1]", .unexpectedByte, 6), Refusal("{\"a\":1,}", .unexpectedByte, 7),
    Refusal("{,}", .unexpectedByte, 1),
    Refusal("{\"a\" 1}", .unexpectedByte, 5), Refusal("{\"a\",1}", .unexpectedByte, 4),
    Refusal("{\"a\"}", .unexpectedByte, 4),
    Refusal("{\"a\":}", .unexpectedByte, 5), Refusal("{\"a\":1 \"b\":2}", .unexpectedByte, 7),
    Refusal("{a:1}", .unexpectedByte, 1),
    Refusal("{1:1}", .unexpectedByte, 1), Refusal("{null:1}", .unexpectedByte, 1),
    Refusal("{'a':1}", .unexpectedByte, 1),
    Refusal("[\"a\":1]", .unexpectedByte, 4), Refusal("{\"a\"::1}", .unexpectedByte, 5),
    Refusal("[1;2]", .unexpectedByte, 2),
    // After the end.
    Refusal("1 1", .trailingBytes, 2), Refusal("{}{}", .trailingBytes, 2), Refusal("[]]", .trailingBytes, 2),
    Refusal("{},", .trailingBytes, 2),
    Refusal("nulll", .trailingBytes, 4), Refusal("1\0", .trailingBytes, 1), Refusal("{}//", .trailingBytes, 2),
    Refusal("\"a\"b", .trailingBytes, 3),
    // Words and white space that are none.
    Refusal("True", .unexpectedByte, 0), Refusal("nUll", .unexpectedByte, 1), Refusal("falsy", .unexpectedByte, 4),
    Refusal("NaN", .unexpectedByte, 0), Refusal("Infinity", .unexpectedByte, 0),
    Refusal("-Infinity", .invalidNumber, 1),
    Refusal("'a'", .unexpectedByte, 0), Refusal("a", .unexpectedByte, 0), Refusal("/**/1", .unexpectedByte, 0),
    Refusal("\u{FEFF}1", .unexpectedByte, 0), Refusal("\u{A0}1", .unexpectedByte, 0),
    Refusal("\u{C}1", .unexpectedByte, 0),
    Refusal("\0", .unexpectedByte, 0), Refusal([0xFF], .unexpectedByte, 0),
    // Numbers.
    Refusal("01", .invalidNumber, 0), Refusal("-01", .invalidNumber, 1), Refusal("00", .invalidNumber, 0),
    Refusal("+1", .unexpectedByte, 0),
    Refusal(".5", .unexpectedByte, 0), Refusal("-.5", .invalidNumber, 1), Refusal("1.e5", .invalidNumber, 2),
    Refusal("1.a", .invalidNumber, 2),
    Refusal("1e ", .invalidNumber, 2), Refusal("1e5.5", .trailingBytes, 3), Refusal("0x10", .trailingBytes, 1),
    Refusal("1_0", .trailingBytes, 1),
    Refusal("--1", .invalidNumber, 1), Refusal("- 1", .invalidNumber, 1), Refusal("1.2.3", .trailingBytes, 3),
    Refusal("1,0", .trailingBytes, 1),
    Refusal("１", .unexpectedByte, 0),
    // Strings: control characters and escapes.
    Refusal("\"\n\"", .controlCharacter, 1), Refusal("\"a\tb\"", .controlCharacter, 2),
    Refusal("\"\0\"", .controlCharacter, 1),
    Refusal("\"\u{1F}\"", .controlCharacter, 1), Refusal("{\"\n\":1}", .controlCharacter, 2),
    Refusal(#""\a""#, .invalidEscape, 1),
    Refusal(#""\'""#, .invalidEscape, 1), Refusal(#""\x00""#, .invalidEscape, 1),
    Refusal(#""\U0041""#, .invalidEscape, 1),
    Refusal(#""\u00g0""#, .invalidEscape, 5), Refusal(#""\u00""#, .invalidEscape, 5),
    Refusal(#""\u+041""#, .invalidEscape, 3),
    Refusal(#""\ud800""#, .loneSurrogate, 1), Refusal(#""\udc00""#, .loneSurrogate, 1),
    Refusal(#""\ud800\ud800""#, .loneSurrogate, 1),
    Refusal(#""\ud800a""#, .loneSurrogate, 1), Refusal(#""\ud800\n""#, .loneSurrogate, 1),
    Refusal(#""\ud800\u0041""#, .loneSurrogate, 1),
    Refusal(#""\udc00\ud800""#, .loneSurrogate, 1), Refusal(#""\ud83d\u""#, .invalidEscape, 9),
    // Strings: UTF-8.
    .quoted([0x80]), .quoted([0xBF]), .quoted([0xC0, 0x80]), .quoted([0xC1, 0xBF]), .quoted([0xC3]),
    .quoted([0xC3, 0x28]),
    .quoted([0xE0, 0x80, 0x80]), .quoted([0xE0, 0x9F, 0xBF]), .quoted([0xE2, 0x82]), .quoted([0xE2, 0x28, 0xA1]),
    .quoted([0xED, 0xA0, 0x80]),
    .quoted([0xED, 0xBF, 0xBF]), .quoted([0xF0, 0x80, 0x80, 0x80]), .quoted([0xF0, 0x8F, 0xBF, 0xBF]),
    .quoted([0xF0, 0x9F, 0x98]),
    .quoted([0xF4, 0x90, 0x80, 0x80]), .quoted([0xF5, 0x80, 0x80, 0x80]), .quoted([0xFE]), .quoted([0xFF]),
    .quoted([0x61, 0xFF], at: 2),
    Refusal([0x22, 0xF0, 0x9F], .invalidUTF8, 1),
])
func `a text outside the grammar is refused with its reason and place, read or skipped`(refusal: Refusal) {
    let expected = JSONError(refusal.kind, at: refusal.offset)
    #expect(throws: expected) { try skipping(refusal.text) }
    #expect(throws: expected) { _ = try JSONTree(refusal.text) }
}

@Test func `nesting is followed to the limit and refused one deeper`() throws {
    func nested(_ levels: Int) -> [UInt8] {
        Array((String(repeating: "[", count: levels) + String(repeating: "]", count: levels)).utf8)
    }
    var reader = JSONReader(nested(64))
    try reader.skipValue()
    try reader.finish()
    #expect(throws: JSONError(.tooDeep, at: 64)) { try skipping(nested(65)) }
    var shallow = JSONReader(Array(#"{"a":[1]}"#.utf8), maximumDepth: 1)
    #expect(throws: JSONError(.tooDeep, at: 5)) { try shallow.skipValue() }
    // Siblings do not add up.
    var wide = JSONReader(Array("[[],[],[],{}]".utf8), maximumDepth: 2)
    try wide.skipValue()
    var deepest = JSONReader(nested(JSONReader.greatestMaximumDepth + 1), maximumDepth: JSONReader.greatestMaximumDepth)
    #expect(throws: JSONError(.tooDeep, at: JSONReader.greatestMaximumDepth)) { try deepest.skipValue() }
}
