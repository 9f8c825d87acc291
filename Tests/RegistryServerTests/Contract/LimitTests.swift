// Requests that are too large or not well-formed, from the client's side (docs/rest-api.md, R801–R815).

import Foundation
import TestSupport
import Testing

@testable import Authorization

struct LimitTests {
    private static let known = "/api/v1/services/web"

    /// A head with as many bytes as asked for, line ends counted and the empty line not.
    private static func head(of bytes: Int) -> String {
        let start = "GET /livez HTTP/1.1\r\nHost: a\r\nX: "
        return start + String(repeating: "x", count: bytes - start.utf8.count - 2) + "\r\n\r\n"
    }

    @Test(arguments: Transport.allCases)
    func `what is just within a limit is served`(_ transport: Transport) throws {
        let registry = try Registry(transport)
        // R801 A request body over 65,536 bytes … is answered 413.
        let padded = String(Body().text.dropLast()) + ",\"x\":\""
        let body = padded + String(repeating: "x", count: 65_536 - padded.utf8.count - 2) + "\"}"
        #expect(try registry.send(.register(text: body)).status == 201)
        // R802 A request line and header fields of together more than 16,384 bytes are answered 431.
        #expect(try registry.send(raw: Array(Self.head(of: 16_384).utf8)).status == 200)
        // R803 A request target over 4,096 bytes is answered 414.
        let target = "/livez?" + String(repeating: "x", count: 4_096 - 7)
        #expect(try registry.send(.get(target)).status == 200)
        // R804 More than 100 header fields are answered 431.
        #expect(try registry.send(TestRequest("GET", "/livez", (0..<99).map { ("X-\($0)", "y") })).status == 200)
        // R819 Expect with anything but 100-continue is answered 417. R820 A query of more than 32 parameters is
        // answered 400.
        #expect(
            try registry.send(.get("/api/v1/services?" + (0..<40).map { "\($0)" }.joined(separator: "&"))).status == 200
        )
        // R811: one Content-Length, digits alone; leading zeros are digits. R814 Elsewhere a request body that no rule
        // asks for is ignored.
        #expect(
            try registry.send(raw: Array("GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc".utf8))
                .status == 200)
        #expect(try registry.send(TestRequest("OPTIONS", "/livez", body: "abc")).status == 204)
        var chunked =
            "POST /api/v1/instances HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: Chunked\r\n\r\n"
        for piece in Body().text.utf8.map({ String(UnicodeScalar($0)) }) { chunked += "1\r\n\(piece)\r\n" }
        #expect(try registry.send(raw: Array((chunked + "0\r\n\r\n").utf8)).status == 201)
    }

    /// What the registry closes the connection for: the sentence, the status, the requests.
    static let closing: [(rule: String, status: Int, requests: [String])] = [
        (
            "R801 A request body over 65,536 bytes, by its Content-Length or by its chunks, is answered 413 and the connection is closed.",
            413,
            [
                "POST \(known) HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n",
                "POST \(known) HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
                "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n",
                "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
                "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n"
                    + String(repeating: "x", count: 0x8000) + "\r\n8001\r\n",
            ]
        ),
        (
            "R802 A request line and header fields of together more than 16,384 bytes are answered 431 and the connection is closed.",
            431,
            [
                head(of: 16_385), head(of: 40_000),
                "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "x", count: 17_000),
            ]
        ),
        (
            "R803 A request target over 4,096 bytes is answered 414 and the connection is closed.",
            414,
            [
                "GET /livez?\(String(repeating: "x", count: 4_090)) HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /\(String(repeating: "x", count: 4_096)) HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /\(String(repeating: "x", count: 20_000)) HTTP/1.1\r\nHost: a\r\n\r\n",
            ]
        ),
        (
            "R804 More than 100 header fields are answered 431 and the connection is closed.",
            431, ["GET / HTTP/1.1\r\nHost: a\r\n" + (0..<100).map { "X-\($0): y\r\n" }.joined() + "\r\n"]
        ),
        (
            "R805 A control character, a raw space, # or a raw byte above 0x7E in the request target, and a target that is neither a path, nor a "
                + "URL of http or https (R126), nor * of OPTIONS, are answered 400 and the connection is closed.",
            400,
            [
                "/a b", "/a\tb", "/a\u{7F}", "/\u{1}", "/é", "/a?b=é", "/?a b", "/a\u{B}", "/a#b", "/?#", "*", "livez",
                "?x",
                "a:80", "http:/a/", "http:///livez", "http://?x", "http://:80/", "http://u@a/livez", "http://a b/",
                "http://a#b",
                "http://a/#b",
                "ftp://a/livez", "ws://a/livez", "http//a/livez", "http://a\\b/", "http://%61/livez",
            ]
            .map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }
        ),
        (
            "R811 Not well-formed are: two Content-Length, or one that is not digits alone;",
            400,
            [
                "Content-Length: 0\r\nContent-Length: 0", "Content-Length: 3\r\nContent-Length: 4",
                "Content-Length: 3, 3",
                "Content-Length: +3", "Content-Length: -1", "Content-Length: 0x3", "Content-Length: 3 3",
                "Content-Length:",
                "Content-Length: three", "Content-Length: 3.0",
            ].map { "POST \(known) HTTP/1.1\r\nHost: a\r\n\($0)\r\n\r\nabc" }
        ),
        (
            "R811 … Content-Length beside Transfer-Encoding;",
            400,
            [
                "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 5",
                "Transfer-Encoding: chunked\r\nContent-Length: 0",
            ].map { "POST \(known) HTTP/1.1\r\nHost: a\r\n\($0)\r\n\r\n0\r\n\r\n" }
        ),
        (
            "R811 … an empty header name, or one with a space in it or before its colon; a bare LF; a folded header; a NUL byte;",
            400,
            [
                ": x", "X y: z", "X : z", "X\t: z", " X: z", "X", "X: a\n b", "X: a\r\n folded", "X: a\r\n\tfolded",
                "X: a\u{0}b",
                "X\u{0}: a",
                "X: a\nY: b", "X: a\rY: b", "X: \u{1}", "(x): y", "é: y",
            ].map { "GET \(known) HTTP/1.1\r\nHost: a\r\n\($0)\r\n\r\n" }
                + [
                    "GET \(known) HTTP/1.1\nHost: a\n\n", "GET \(known) HTTP/1.1\r\nHost: a\r\n\n",
                    "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                ]
        ),
        (
            "R811 … HTTP/1.1 without exactly one Host; a version other than 1.0 and 1.1.",
            400,
            [
                "GET \(known) HTTP/1.1\r\n\r\n", "GET \(known) HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                "GET \(known) HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "GET \(known) HTTP/1.2\r\nHost: a\r\n\r\n",
                "GET \(known) HTTP/x.0\r\nHost: a\r\n\r\n", "GET \(known) HTTP/2,0\r\nHost: a\r\n\r\n",
                "GET http://a/ HTTP/1.1\r\n\r\n",
                "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                "GET http://a/ HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
                "GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n",
                "GET \(known) http/1.1\r\nHost: a\r\n\r\n",
                "GET \(known) HTTP/1.10\r\nHost: a\r\n\r\n", "GET \(known)\r\n\r\n", "GET \(known) \r\nHost: a\r\n\r\n",
            ]
        ),
        (
            "R834 An HTTP version whose major number is not 1 is answered 505 and the connection is closed.",
            505,
            [
                "GET \(known) HTTP/2.0\r\nHost: a\r\n\r\n", "GET \(known) HTTP/0.9\r\nHost: a\r\n\r\n",
                "HEAD \(known) HTTP/3.0\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            ]
        ),
        (
            "R810 A request that is not well-formed HTTP is answered 400 and the connection is closed.",
            400,
            [
                "GET  \(known) HTTP/1.1\r\nHost: a\r\n\r\n", " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
                "nonsense\r\n",
                "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\n",
                "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
                "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
            ]
        ),
        (
            "R817 Authorization, Content-Type or Host sent twice, and a Host that is no host with or without a port …, are "
                + "answered 400 and the connection is closed.",
            400,
            [
                "Host: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer a",
                "Host: a\r\nContent-Type: a/b\r\ncontent-type: a/b",
                "Host: a\r\nHOST: a", "Host: a/b", "Host: a b", "Host: a@b", "Host: a\"b", "Host: é", "Host: a,b",
                "Host: <a>",
                "Host: ]", "Host: [::1", "Host: ::1", "Host: a:b", "Host: a:80:80", "Host: :80", "Host: []",
                "Host: [a]b", "Host: a[b]",
            ].map { "GET \(known) HTTP/1.1\r\n\($0)\r\n\r\n" }
        ),
        (
            "R818 … those that are not well-formed are answered 400 …",
            400,
            ([
                "3 ", "3;", "3; ", "3;=b", "3;a=", "3;a b", "3;a=b c", "3;a=\"b", "3;a=\"b\"c", "3;a\u{0}", "3;a=\u{1}",
                "3;a\n", "3;a\r",
                "3;a\rb", "3;a ", "3,a",
            ]
            .map { "\($0)\r\nabc\r\n0\r\n\r\n" }
                + ["X y: z", " X: y", "X", ": y", "X: a\u{1}", "X: a\nY: b", "X: a\rY: b", "X: a\r\n b: c", "X:\u{7F}"]
                .map { "3\r\nabc\r\n0\r\n\($0)\r\n\r\n" })
                .map { "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\($0)" }
        ),
        (
            "R818 … more than 16,384 bytes of them, or more than 100 trailer fields, 431, and the connection is closed.",
            431,
            [
                "3;a=\(String(repeating: "x", count: 16_384))\r\nabc\r\n0\r\n\r\n",
                "\(String(repeating: "0", count: 20_000))",
                "0\r\n" + (0...100).map { "X-\($0): y\r\n" }.joined() + "\r\n",
                "0\r\nX: \(String(repeating: "y", count: 17_000))",
                String(repeating: "1;abcdefghi\r\nx\r\n", count: 1_700),
            ]
            .map { "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\($0)" }
        ),
        (
            "R819 Expect with anything but 100-continue is answered 417 and the connection is closed.",
            417,
            [
                "GET \(known) HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n",
                "GET / HTTP/1.1\r\nExpect: \r\nHost: a\r\n\r\n",
            ]
        ),
        (
            "R812 A transfer coding before a last chunked is answered 501 …",
            501,
            ["gzip, chunked", "gzip;q=1 ,\tchunked", "gzip\r\nTransfer-Encoding: chunked", "x, y, CHUNKED"]
                .map { "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \($0)\r\n\r\n0\r\n\r\n" }
        ),
        (
            "R812 … any other Transfer-Encoding but chunked alone 400, and the connection is closed.",
            400,
            [
                "gzip", "chunked, gzip", "identity", "chunked\r\nTransfer-Encoding: chunked", "", "\"chunked\"",
                "chunked;a=b",
                "chunked, chunked",
                ",chunked", "chunked,", "chunked\r\nTransfer-Encoding:", "\r\nTransfer-Encoding: chunked", "xchunked",
                "chun ked",
                "chunked;a, chunked",
            ]
            .map { "POST \(known) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \($0)\r\n\r\n0\r\n\r\n" }
        ),
        (
            "R813 HEAD, or a method that the registry does not know, with a request body is answered 400 and the connection is closed.",
            400,
            ["HEAD", "BREW", "get"].flatMap { method in
                ["Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"].map {
                    "\(method) /livez HTTP/1.1\r\nHost: a\r\n\($0)"
                }
            } + ["HEAD livez HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /livez HTTP/1.1\r\n\r\n"]
        ),
    ]

    @Test(arguments: Transport.allCases)
    func `an early answer to Expect does not spoil the answer`(_ transport: Transport) throws {
        // R819 Expect with anything but 100-continue is answered 417 and the connection is closed.
        let registry = try Registry(transport)
        let answers = try registry.exchange(
            raw: TestRequest.register(Body()).with("Expect", "100-continue").bytes + Array("end\r\n".utf8),
            "an expectation")
        #expect(answers.map(\.status).filter { $0 != 100 } == [201, 400])
    }

    @Test(arguments: Transport.allCases)
    func `what the gate refuses is answered, closed, and nothing behind it is read`(_ transport: Transport) throws {
        // R810 … the connection is closed, so that what follows it is never read as a request.
        // R815 A refusal that closes the connection says Connection: close and is in HTTP/1.1.
        let registry = try Registry(transport)
        try registry.register(Body())
        let before = try registry.everything()
        let good = TestRequest.get("/livez").bytes
        let smuggled = TestRequest.register(Body("smuggled", "x")).bytes
        for (rule, status, requests) in Self.closing {
            for request in requests {
                let bytes = good + Array(request.utf8) + smuggled
                let answers = try registry.exchange(raw: bytes, "\(rule) \(request.prefix(300).debugDescription)")
                let circumstances: Comment = "\(rule) \(request.prefix(300).debugDescription): \(answers.map(\.status))"
                #expect(answers.map(\.status) == [200, status], circumstances)
                #expect(answers.last?["Connection"] == "close", circumstances)
                #expect(answers.last?.version == "HTTP/1.1", circumstances)
                // R102 … and no body.
                #expect(answers.last?.body.isEmpty == request.hasPrefix("HEAD"), circumstances)
                #expect(answers.last?.error?.isEmpty == (request.hasPrefix("HEAD") ? nil : false), circumstances)
                #expect(answers.last?["Content-Type"] == "application/json", circumstances)
            }
            #expect(try registry.everything() == before, "\(rule)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `a path that is not clean is refused and the connection goes on`(_ transport: Transport) throws {
        let registry = try Registry(transport)
        for path in [
            // R806 An escape that decodes to a control character (%00 to %1F, %7F), and a % that is not followed by two
            // hexadecimal digits, are answered 400: in every path, and in the query of a page that reads it.
            "/%00", "/%0A", "/%1f", "/api/v1/services/a%7F", "/api/v1/services/a%00b", "/%", "/%4", "/%zz", "/%4g/x",
            "/api/v1/services/100%",
            // R807 A path segment that does not decode to UTF-8 is answered 400.
            "/%FF", "/api/v1/services/%C3", "/api/v1/services/%C0%AF", "/%ED%A0%80", "/%F4%90%80%80", "/%C3/%A9",
            // R808 An empty segment in the middle of a path (//) is answered 400.
            "//", "//livez", "/api//v1/instances", "/api/v1/services//", "/api/v1/instances//heartbeat",
            // R809 A dot segment (. or .., also written %2E) is answered 400.
            "/.", "/..", "/livez/.", "/livez/..", "/./livez", "/api/../livez", "/%2E", "/%2e%2E", "/.%2e/livez",
            "/api/v1/services/..",
        ] {
            let answer = try registry.send(.get(path))
            #expect(answer.status == 400 && answer.error?.isEmpty == false, "\(path): \(answer)")
            #expect(answer["Connection"] == nil, "\(path)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `a name that a path cannot hold is still listed`(_ transport: Transport) throws {
        // A service name that holds a control character, or is . or .., can be registered and listed but not asked for
        // by path.
        let registry = try Registry(transport)
        for name in ["\u{0}", "\n", ".", ".."] { try registry.register(Body(name, "x")) }
        #expect(try registry.send(.get("/api/v1/services")).text == #"{"services":["\u0000","\n",".",".."]}"#)
        #expect(try registry.ids("service_name=..") == [instanceID("..", "http", "x")])
    }

    @Test(arguments: Transport.allCases)
    func `pipelined requests are answered in their order`(_ transport: Transport) throws {
        // R814 Elsewhere a request body that no rule asks for is read, counted and ignored.
        let registry = try Registry(transport)
        let requests: [TestRequest] = [
            TestRequest("GET", "/livez", body: "GET /x HTTP/1.1\r\n\r\n"), .register(Body()),
            TestRequest("DELETE", "/livez", body: "{}"),
            .instance(ShapeTests.id), TestRequest("DELETE", "/api/v1/instances/\(ShapeTests.id)", body: "ignored"),
            .instance(ShapeTests.id),
        ]
        let bytes = requests.flatMap(\.bytes) + Array("end\r\n".utf8)
        #expect(try registry.exchange(raw: bytes, "a pipeline").map(\.status) == [200, 201, 405, 200, 200, 404, 400])
    }
}
