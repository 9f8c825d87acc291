// What the gate promises beyond its verdicts: what it hands over, when it is idle, and that nothing moves once
// something was refused.

import Testing

@testable import HTTP

@Suite struct RequestParserTests {
    private static let get = "GET /a?b=c HTTP/1.1\r\nHost: h:1\r\n\r\n"

    private func parser(after text: String = "", limits: RequestLimits = RequestLimits()) -> RequestParser {
        var parser = RequestParser(limits: limits)
        parser.feed(text)
        return parser
    }

    @Test func `a bare line feed as the first byte of a line is refused, not a crash`() {
        // The range of the line was formed before it was checked, and trapped.
        #expect(parser(after: "\n").refusal?.status == .badRequest)
        #expect(parser(after: "GET / HTTP/1.1\r\n\n").refusal?.status == .badRequest)
        #expect(parser(after: Self.get + "\n").refusal?.status == .badRequest)
    }

    @Test func `a head knows its method, version, target, path, query and fields`() throws {
        let head = try #require(
            RequestHead.of(
                "PUT /a%20b?c=d?e HTTP/1.0\r\nhOST: h:1\r\nAUTHORIZATION:Bearer  x \r\nContent-Type: \t text/plain;a=b \t\r\n"
                    + "accept-encoding: gzip\r\nX-Forwarded-Proto: https\r\n$WSSC: http\r\nX-Request-Id: r\r\nIf-None-Match: \"e\"\r\n\r\n"
            )
        )
        #expect(head.method == .put)
        #expect(head.minorVersion == 0)
        #expect(head.target.equals("/a%20b?c=d?e"))
        #expect(head.path.equals("/a%20b"))
        #expect(head.query?.equals("c=d?e") == true)
        #expect(head[.host]?.equals("h:1") == true)
        #expect(head[.authorization]?.equals("Bearer  x") == true)
        #expect(head[.contentType]?.equals("text/plain;a=b") == true)
        #expect(head[.acceptEncoding]?.equals("gzip") == true)
        #expect(head[.forwardedProto]?.equals("https") == true)
        #expect(head[.wssc]?.equals("http") == true)
        #expect(head[.requestID]?.equals("r") == true)
        #expect(head[.ifNoneMatch]?.equals("\"e\"") == true)
    }

    @Test func `a head without a query has none, and one with a bare question mark an empty one`() throws {
        #expect(try #require(RequestHead.get("/a")).query == nil)
        #expect(try #require(RequestHead.get("/a?")).query?.isEmpty == true)
        #expect(try #require(RequestHead.get("/a?")).path.equals("/a"))
    }

    @Test func `an absent field and an empty one are both nil`() throws {
        let head = try #require(RequestHead.get("/", "Accept-Encoding:", "X-Authorization: x"))
        #expect(head[.acceptEncoding] == nil)
        #expect(head[.authorization] == nil)
    }

    @Test func `of fields that may come twice the first counts`() throws {
        let head = try #require(RequestHead.get("/", "X-Request-Id: one", "X-Request-Id: two"))
        #expect(head[.requestID]?.equals("one") == true)
    }

    @Test(arguments: [
        (["keep-alive"], false, true), (["Keep-Alive"], false, true), (["close"], true, false),
        (["\tCLOSE"], true, false),
        (["TE, close"], true, false), (["close ,TE"], true, false), (["keep-alive,\tclose"], true, false),
        (["keep-alive", "close"], true, false),
        (["close", "keep-alive"], true, false), (["TE"], false, false), (["closed"], false, false),
        (["close TE"], false, false),
    ])
    func `whether a request closes its connection is said by any option of any field`(
        values: [String], closes: Bool, goesOn: Bool
    ) throws {
        // R827 A request that has `close` among the options of its `Connection` fields …
        let fields = values.map { "Connection: \($0)\r\n" }.joined()
        let head = try #require(RequestHead.of("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"))
        #expect(head.closes == closes)
        #expect(head.isSelfContained == goesOn)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0 as Int?),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0003\r\n\r\nabc", 3),
        ("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", nil),
    ])
    func `the declared length is the header's, and nil for chunks`(text: String, length: Int?) throws {
        #expect(try #require(RequestHead.of(text)).declaredLength == length)
    }

    @Test func `nothing of one request reaches the next`() throws {
        var parser = parser(
            after:
                "PUT /long/target?q HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\nAuthorization: Bearer x\r\n\r\nabcGET / HTTP/1.1\r\nHost: b\r\n\r\n"
        )
        _ = parser.takeRequest()
        let taken = parser.takeRequest()
        let second = try #require(taken)
        #expect(second.declaredLength == 0)
        #expect(second.minorVersion == 1)
        #expect(second[.authorization] == nil)
        #expect(second[.host]?.equals("b") == true)
        #expect(parser.takeRequest() == nil)
    }

    @Test func `requests are taken oldest first, between feeds too`() throws {
        var parser = RequestParser(limits: RequestLimits())
        var fed = 0
        var taken = 0
        for round in 0..<50 {
            for _ in 0..<(round % 4) {
                parser.feed("GET /\(fed) HTTP/1.1\r\nHost: a\r\n\r\n")
                fed += 1
            }
            for _ in 0..<(round % 3) {
                #expect(parser.completeRequests == fed - taken)
                guard let head = parser.takeRequest() else { continue }
                #expect(Array(head.target) == Array("/\(taken)".utf8))
                taken += 1
            }
        }
        while let head = parser.takeRequest() {
            #expect(Array(head.target) == Array("/\(taken)".utf8))
            taken += 1
        }
        #expect(taken == fed)
        #expect(parser.isIdle == true)
    }

    @Test func `a head whose body is still arriving cannot be taken`() {
        var parser = parser(after: Self.get + "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx")
        #expect(parser.completeRequests == 1)
        #expect(parser.takeRequest()?.method == .get)
        #expect(parser.takeRequest() == nil)
        parser.feed("y")
        #expect(parser.takeRequest()?.method == .put)
    }

    @Test func `a refusal amid a body takes its head away and leaves those before it`() {
        var parser = parser(
            after: Self.get + Self.get + "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        #expect(parser.takeRequest() != nil)
        parser.feed("oops\r\n")
        #expect(parser.refusal?.status == .badRequest)
        #expect(parser.completeRequests == 1)
        #expect(parser.takeRequest()?.method == .get)
        #expect(parser.takeRequest() == nil)
    }

    @Test func `a parser is idle between requests only`() {
        #expect(parser().isIdle == true)
        #expect(parser(after: "G").isIdle == false)
        #expect(parser(after: "GET / HTTP/1.1\r\n").isIdle == false)
        #expect(parser(after: "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx").isIdle == false)
        var parser = parser(after: Self.get)
        #expect(parser.isIdle == false, "its request is not yet taken")
        _ = parser.takeRequest()
        #expect(parser.isIdle == true)
        parser.refuse(.requestTimeout, "too late")
        #expect(parser.isIdle == false)
    }

    @Test func `the first refusal stands, and bytes behind it count for nothing`() {
        var parser = parser(after: "GET / HTTP/1.2\r\n")
        let first = parser.refusal
        parser.refuse(.requestTimeout, "too late")
        parser.feed(Self.get)
        #expect(parser.refusal == first)
        #expect(parser.completeRequests == 0)
    }

    @Test func `a refusal from outside keeps what is complete`() {
        var parser = parser(after: Self.get + "GET /unfinished")
        parser.refuse(.requestTimeout, "too late")
        parser.feed(" HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(parser.completeRequests == 1)
        #expect(parser.takeRequest() != nil)
        #expect(parser.takeRequest() == nil)
        #expect(parser.refusal?.status == .requestTimeout)
    }

    @Test func `other limits are held to as well`() {
        var limits = RequestLimits()
        limits.target = 4
        limits.head = 40
        limits.headerLines = 2
        limits.body = 3
        let tail = " HTTP/1.1\r\nHost: a\r\n"
        #expect(parser(after: "GET /abc\(tail)\r\n", limits: limits).refusal == nil)
        #expect(parser(after: "GET /abcd\(tail)\r\n", limits: limits).refusal?.status == .uriTooLong)
        #expect(parser(after: "GET /\(tail)a:\r\nb:\r\n\r\n", limits: limits).refusal?.status == .headerFieldsTooLarge)
        #expect(
            parser(after: "GET /\(tail)a:\(String(repeating: "b", count: 20))\r\n\r\n", limits: limits).refusal?.status
                == .headerFieldsTooLarge)
        limits.head = 100
        #expect(parser(after: "PUT /\(tail)Content-Length: 3\r\n\r\n", limits: limits).refusal == nil)
        #expect(
            parser(after: "PUT /\(tail)Content-Length: 4\r\n\r\n", limits: limits).refusal?.status == .contentTooLarge)
        #expect(
            parser(after: "PUT /\(tail)Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\n", limits: limits).refusal?
                .status
                == .contentTooLarge)
    }

    @Test func `how long a body may be is asked at the end of the head, of bodies that may be too long`() {
        func parser(_ text: String, largest: Int = 6) -> RequestParser {
            var limits = RequestLimits()
            limits.body = 4
            let rule = BodyRule(largest: largest) { head throws(Refusal) in
                guard head.path.equals("/large") else { throw Refusal(.forbidden, "not you") }
                return 8
            }
            var parser = RequestParser(limits: limits, bodyRule: rule)
            parser.feed(text)
            return parser
        }
        let head = "PUT /large HTTP/1.1\r\nHost: a\r\n"
        #expect(parser(head + "Content-Length: 6\r\n\r\n123456").completeRequests == 1)
        #expect(
            parser(head + "Content-Length: 7\r\n\r\n").refusal?.status == .contentTooLarge,
            "no more than the transport can hold")
        #expect(parser(head + "Content-Length: 8\r\n\r\n12345678", largest: 9).completeRequests == 1)
        #expect(parser(head + "Content-Length: 9\r\n\r\n", largest: 9).refusal?.status == .contentTooLarge)
        #expect(parser(head + "Transfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n0\r\n\r\n").completeRequests == 1)
        #expect(parser(head + "Transfer-Encoding: chunked\r\n\r\n7\r\n").refusal?.status == .contentTooLarge)
        #expect(parser("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").refusal?.status == .forbidden)
        #expect(parser("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n1234").completeRequests == 1, "not asked")
        // The next request has the common limit again.
        let both = parser(
            head + "Content-Length: 6\r\n\r\n123456PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
        #expect(both.completeRequests == 1 && both.refusal?.status == .forbidden)
    }

    @Test func `a slice is read from its own start`() {
        let bytes = Array("junk\n\(Self.get)junk".utf8)
        let verdict = ParserVerdict([bytes[5..<(bytes.count - 4)]])
        #expect(verdict.passed.count == 1)
        #expect(verdict.isIdle)
    }

    @Test(arguments: [1, 7, 64, 200])
    func `heads that were taken go, also when there is always one whose body is still arriving`(requests: Int) {
        // Every read ends within the body of a request: there is never a moment without a head.
        let unfinished = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nxx"
        let next = "xx" + String(repeating: Self.get, count: requests - 1) + unfinished
        var parser = parser(after: unfinished)
        var (most, capacity) = (0, 0)
        for round in 0..<1_000 {
            parser.feed(next)
            #expect(parser.completeRequests == requests, "round \(round)")
            #expect(parser.takeRequest()?.method == .put)
            for _ in 1..<requests { #expect(parser.takeRequest()?.method == .get) }
            #expect(parser.takeRequest() == nil)
            most = max(most, parser.heads.count)
            capacity = max(capacity, parser.heads.capacity)
        }
        #expect(most <= 66 + requests, "\(most) heads are kept of 1 that is not taken")
        #expect(capacity <= 4 * (66 + requests), "room for \(capacity) heads")
    }

    @Test func `a short head that waits behind another takes no more room than it needs`() {
        let short = "GET / HTTP/1.1\r\nHost:a\r\n\r\n"
        let parser = parser(after: String(repeating: short, count: 600))
        #expect(parser.completeRequests == 600)
        #expect(parser.heads.dropFirst().reduce(0) { $0 + ($1?.bytes.capacity ?? 1 << 20) } < 599 * 64)
        #expect(
            ParserVerdict(Array(String(repeating: short, count: 3).utf8)).passed.allSatisfy {
                $0.bytes == Array(short.dropLast().utf8)
            })
    }
}
