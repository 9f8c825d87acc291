// What the reader hands out, value by value, and what it refuses to hand out as something else.

import JSON
import Testing

private func reader(_ text: String) -> JSONReader { JSONReader(Array(text.utf8)) }

@Test(
    arguments: [
        ("0", .natural(0)), ("-0", .negative(0)), ("4294967295", .natural(4_294_967_295)),
        ("18446744073709551615", .natural(.max)),
        ("18446744073709551616", .outOfRange(18_446_744_073_709_551_616)), ("-1", .negative(-1)),
        ("-9223372036854775808", .negative(.min)),
        ("-9223372036854775809", .outOfRange(-9_223_372_036_854_775_808)), ("30.0", .fractional(30)),
        ("3e1", .fractional(30)),
        ("-2.5", .fractional(-2.5)),
        ("1e999", .fractional(.infinity)), ("-1e999", .fractional(-.infinity)), ("1e-999", .fractional(0)),
        ("0.1", .fractional(0.1)),
    ] as [(String, JSONNumber)])
func `a number is told apart by how it was written`(text: String, expected: JSONNumber) throws {
    var reader = reader(text)
    #expect(try reader.readNumber() == expected)
    try reader.finish()
}

@Test func `a whole number of a thousand digits is out of range, not a crash`() throws {
    var reader = reader(String(repeating: "9", count: 1_000))
    #expect(try reader.readNumber() == .outOfRange(.infinity))
}

@Test(arguments: [
    (#""""#, ""), (#""web""#, "web"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0069d""#, "id"),
    (#""a\u0000b""#, "a\0b"),
    (#""\u00e9\u0800\uFFFF""#, "\u{E9}\u{800}\u{FFFF}"), (#""\ud83d\ude00!""#, "😀!"),
    (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), ("\"é😀\"", "é😀"),
])
func `a string is read with its escapes resolved`(text: String, expected: String) throws {
    var first = reader(text)
    #expect(Array(try first.readString().utf8) == Array(expected.utf8))
    var second = reader(text)
    #expect(try second.readText().utf8 == Array(expected.utf8))
}

@Test func `a key matches by its characters, however it was written`() throws {
    var reader = reader(#"{"id":1,"\u0069d":2,"i":3,"idx":4,"iD":5,"":6}"#)
    var matches: [Bool] = []
    try reader.enterObject()
    while let key = try reader.nextKey() {
        switch key {
        case "id": matches.append(true)
        default: matches.append(false)
        }
        try reader.skipValue()
    }
    try reader.finish()
    #expect(matches == [true, true, false, false, false, false])
}

@Test func `the empty key matches the empty literal alone`() throws {
    var reader = reader(#"{"":6}"#)
    try reader.enterObject()
    let key = try #require(try reader.nextKey())
    #expect(key == "")
    #expect(!(key == "a"))
}

@Test(arguments: [
    #"{ "b" : [1, 2.50, "\u0041"],"a":{} }"#, "null", "1.0", "\" x \"", "[ ]", "-0", "[1,  {\"é\":\"😀\"}]",
])
func `a raw value is handed back byte for byte, without the white space around it`(value: String) throws {
    var reader = reader("{\"metadata\" : \n\(value) \t, \"after\":true}")
    try reader.enterObject()
    #expect(try #require(try reader.nextKey()) == "metadata")
    let range = try reader.readRawValue()
    #expect(String(decoding: reader.bytes[range], as: UTF8.self) == value)
    #expect(try #require(try reader.nextKey()) == "after")
    #expect(try reader.readBoolean())
    #expect(try reader.nextKey() == nil)
    try reader.finish()
}

@Test func `a value of another type is refused where it stands`() {
    func refusal(_ text: String, _ read: (inout JSONReader) throws(JSONError) -> Void) -> JSONError? {
        var reader = reader(text)
        do throws(JSONError) { try read(&reader) } catch { return error }
        return nil
    }
    #expect(
        refusal(" 1") { (json) throws(JSONError) in _ = try json.readString() } == JSONError(.expected(.string), at: 1))
    #expect(
        refusal("\"1\"") { (json) throws(JSONError) in _ = try json.readNumber() }
            == JSONError(.expected(.number), at: 0))
    #expect(
        refusal("[]") { (json) throws(JSONError) in try json.enterObject() } == JSONError(.expected(.object), at: 0))
    #expect(refusal("{}") { (json) throws(JSONError) in try json.enterArray() } == JSONError(.expected(.array), at: 0))
    #expect(
        refusal("null") { (json) throws(JSONError) in _ = try json.readBoolean() }
            == JSONError(.expected(.boolean), at: 0))
    #expect(refusal("true") { (json) throws(JSONError) in try json.readNull() } == JSONError(.expected(.null), at: 0))
    #expect(JSONError(.expected(.object), at: 3).sentence == "the JSON must have an object at byte 3")
}

@Test func `a key tells where it stands, so that its duplicate can be named`() throws {
    var reader = reader(#"{"a":1, "a":2}"#)
    var offsets: [Int] = []
    try reader.enterObject()
    while let key = try reader.nextKey() {
        offsets.append(key.offset)
        try reader.skipValue()
    }
    #expect(offsets == [2, 9])
}

@Test func `a value that was seen before is known by its bytes, and by nothing else`() throws {
    let list = #"[{"a":"\#(String(repeating: "x", count: 100))"},1,[true]]"#
    var first = reader(list)
    let found = try first.readSpelling()
    let spelling = try #require(found)
    #expect(spelling.count == list.utf8.count)
    var again = reader("  \(list) ")
    #expect(try again.skip(spelling))
    try again.finish()
    var within = reader(#"{"k":\#(list),"l":2}"#)
    try within.enterObject()
    _ = try within.nextKey()
    // It was found with no container around it, and might nest too deeply here.
    #expect(try !within.skip(spelling))
    try within.skipValue()
    #expect(try within.nextKey()?.string == "l")
    for other in [
        list.replacing("true", with: "tru"), list.replacing("x\"", with: "y\""), String(list.dropLast()),
        list.replacing("[true]]", with: "[true],0]"), "{}", "[]", "\"[\"",
    ] {
        var other = reader(other)
        #expect(try !other.skip(spelling))
    }
    for scalar in ["1", "\"a\"", "null", "true"] {
        var scalar = reader(scalar)
        #expect(try scalar.readSpelling() == nil)
        try scalar.finish()
    }
    var broken = reader("[1,}")
    #expect(throws: JSONError.self) { () throws in _ = try broken.readSpelling() }
}
