// Queries as look-ups read them.

import HTTP
import Testing

@Suite struct QueryTests {
    private func parse(_ query: String) -> [String]? {
        guard let parameters = try? QueryParameter.parse(Array(query.utf8)[...]) else { return nil }
        return parameters.map { "\($0.name)→\($0.value)" }
    }

    @Test func `no query has no parameters`() throws {
        #expect(try QueryParameter.parse(nil).isEmpty)
    }

    @Test(
        arguments: [
            ("", []), ("a=b", ["a→b"]), ("a=b&c=d", ["a→b", "c→d"]),
            // R109 a parameter without = has the empty value, and an empty piece between two & is ignored.
            ("a", ["a→"]), ("a=", ["a→"]), ("a&b", ["a→", "b→"]), ("a=1&b", ["a→1", "b→"]), ("&", []),
            ("&&a=b&&c&", ["a→b", "c→"]),
            // R108 + and %20 are both a space; names and values are decoded once.
            ("a=b+c", ["a→b c"]), ("a=b%20c", ["a→b c"]), ("a=b%2Bc", ["a→b+c"]), ("a+b=c", ["a b→c"]),
            ("%61=%62", ["a→b"]),
            ("a=%2525", ["a→%25"]),
            ("a=%26%3D", ["a→&="]), ("%3D%26=x", ["=&→x"]), ("a=%C3%BC", ["a→ü"]),
            // Only the first = divides.
            ("a=b=c", ["a→b=c"]), ("a==", ["a→="]), ("=b", ["→b"]), ("=", ["→"]), ("a=b?c/d", ["a→b?c/d"]),
            ("a=b;c=d", ["a→b;c=d"]),
            ("A=1&a=2", ["A→1", "a→2"]),
        ] as [(String, [String])])
    func `R108 a query is pairs between ampersands, decoded once`(query: String, expected: [String]) {
        #expect(parse(query) == expected)
    }

    @Test(arguments: ["a=1&a=2", "a&a", "a=1&b=2&a", "a=1&%61=2", "a+b=1&a%20b=2", "=1&=2", "tags=a&tags=b"])
    func `R311 a parameter given twice is refused, however its name is written`(query: String) {
        #expect(throws: Refusal.self) { try QueryParameter.parse(Array(query.utf8)[...]) }
    }

    @Test(arguments: ["a=%00", "%00=a", "a=%", "a=%4", "%=a", "%4=1", "a=%4&1=2", "a=%zz", "a&b=%"])
    func `R806 an escaped NUL and a bad escape are refused in names and values`(query: String) {
        #expect(throws: Refusal.self) { try QueryParameter.parse(Array(query.utf8)[...]) }
    }

    @Test(arguments: ["a=%ff", "%ff=a", "a=%c3", "a=%c3&b=%bc", "%c3=%bc", "a=%c0%80", "a=%ed%a0%80"])
    func `R807 a name or value that does not decode to UTF-8 is refused`(query: String) {
        #expect(throws: Refusal.self) { try QueryParameter.parse(Array(query.utf8)[...]) }
    }

    @Test func `a query of more parameters than any look-up knows is refused`() {
        let names = (1...QueryParameter.maximumCount).map { "a\($0)" }
        #expect(parse(names.joined(separator: "&"))?.count == names.count)
        #expect(parse((names + ["b"]).joined(separator: "&")) == nil)
    }

    @Test func `names that look alike but differ in their bytes are two names`() {
        // "é" composed and decomposed are equal as Swift Strings; R311 compares names as they decode.
        #expect(parse("%C3%A9=1&e%CC%81=2") != nil)
    }

    @Test(arguments: [
        ("wait=1", true), ("wait", true), ("wait&a", true), ("a=b&wait=", true), ("&&wait=1", true),
        ("wait=a&wait=b", true),
        ("", false), ("&", false), ("await=1", false), ("waits=1", false), ("wai", false), ("a=wait", false),
        ("a=b&c=wait=1", false), ("%77ait=1", false), ("a&b&wai", false), ("service_name=a-long-name&status=UP", false),
        ("service_name=a-long-name&status=UP&wait=5s", true),
    ])
    func `a query is known to have a parameter without being taken apart`(query: String, has: Bool) {
        // Where a slice begins is of no matter.
        let bytes = Array("/path?\(query)".utf8)
        #expect(bytes[6...].hasParameter("wait") == has)
    }
}
