// A head has room for every field that most requests have, and finds the others, and lists in several lines, when it is
// asked for them.

import Testing

@testable import HTTP

struct RequestHeadTests {
    @Test func `there is a range for each field that is not looked for`() {
        let ranged = RequestHead.Field.allCases.filter(\.hasRange)
        #expect(ranged.last == .ifNoneMatch)
        #expect(ranged.count == RequestHead.FieldRanges.count)
    }

    @Test(arguments: [
        (["If-None-Match: \"a\"", "IF-NONE-MATCH:\t\"b\" "], RequestHead.Field.ifNoneMatch, "\"a\", \"b\"" as String?),
        (["Accept-Encoding: identity", "X: gzip", "accept-encoding: gzip"], .acceptEncoding, "identity, gzip"),
        (["Accept-Encoding:", "Accept-Encoding: gzip", "Accept-Encoding:"], .acceptEncoding, "gzip"),
        (["Accept-Encoding:", "Accept-Encoding:"], .acceptEncoding, nil),
        (["Content-Encoding: gzip"], .contentEncoding, "gzip"),
        (["content-encoding: br", "Content-Encoding: gzip"], .contentEncoding, "br, gzip"),
        (["Content-Encodings: gzip"], .contentEncoding, nil), (["X: Content-Encoding: gzip"], .contentEncoding, nil),
        (["Content-Encoding:"], .contentEncoding, nil),
    ])
    func `a list means the same on one line as on several`(lines: [String], field: RequestHead.Field, value: String?)
        throws
    {
        // R120 A field whose value is a list means the same on one line as on several.
        let head = try #require(
            RequestHead.of("GET /Content-Encoding:x HTTP/1.1\r\nHost: a\r\n\(lines.map { $0 + "\r\n" }.joined())\r\n"))
        #expect(head[field].map { String(decoding: $0, as: UTF8.self) } == value)
    }

    @Test(arguments: [
        ("https", "https" as String?), ("https,http", "https"), (" , ,https ", "https"), (",,", nil), ("", nil),
        ("a b , c", "a b"),
    ])
    func `the first element of a list is the first that is not empty`(list: String, element: String?) {
        #expect(Array(list.utf8)[...].firstElement.map { String(decoding: $0, as: UTF8.self) } == element)
    }
}
