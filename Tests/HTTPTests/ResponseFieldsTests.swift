// The fields of a response: their order, what has room, and what may not be sent.

import Testing

@testable import HTTP

struct ResponseFieldsTests {
    private func lines(_ fields: ResponseFields) -> String {
        var bytes: [UInt8] = []
        fields.render(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `fields are sent in their order, however many there are, and a name may come twice`() {
        var fields = ResponseFields()
        #expect(lines(fields) == "")
        var expected = ""
        for number in 0..<9 {
            fields.append(.vary, "field \(number)")
            fields.append(.retryAfter, number * 7)
            expected += "\r\nVary: field \(number)\r\nRetry-After: \(number * 7)"
            #expect(lines(fields) == expected)
            #expect(fields.count == 2 * (number + 1))
        }
        #expect(fields[.vary] == .text("field 0"))
        #expect(fields[.retryAfter] == .number(0))
        #expect(fields[.location] == nil)
    }

    @Test(arguments: [
        "a\r\nSet-Cookie: b", "\n", "\u{0}", "a\u{7F}", "a\tb", "a value of several words,\nand more", "eight by\u{1}",
    ])
    func `a value with a control character is left out, its name with it`(value: String) {
        var fields = ResponseFields()
        fields.append(.location, value)
        fields.append(.location, Array(value.utf8))
        fields.append(.allow, "GET")
        #expect(lines(fields) == "\r\nAllow: GET")
    }

    @Test func `no two names are sent as the same, and each is a token`() {
        #expect(Set(FieldName.allCases.map { "\($0.text)".lowercased() }).count == FieldName.allCases.count)
        for name in FieldName.allCases {
            #expect("\(name.text)".utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") })
        }
    }
}
