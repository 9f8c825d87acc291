// What the gate takes and evhttp does not must leave the input, all of it and nothing else, however the bytes come:
// what is left has to be read by everybody as the same requests.

import HTTP
import TestRandom
import Testing

@Suite struct ExcisionTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    /// What evhttp gets to see of bytes that come in these pieces.
    private func strained(_ pieces: some Sequence<ArraySlice<UInt8>>, limits: RequestLimits = RequestLimits())
        -> [UInt8]
    {
        var parser = RequestParser(limits: limits)
        var bytes: [UInt8] = []
        var isKept: [Bool] = []
        for piece in pieces {
            let earlier = bytes.count
            parser.feed(piece.span)
            bytes += piece
            isKept += [Bool](repeating: true, count: piece.count)
            for range in parser.takeExcisions() {
                for position in range { isKept[position] = false }
                // Evhttp takes whole lines as they come: of those nothing can be taken back.
                if range.lowerBound < earlier { #expect(!bytes[range.lowerBound..<earlier].contains(0x0A)) }
            }
        }
        return zip(bytes, isKept).filter(\.1).map(\.0)
    }

    @Test(arguments: [
        (chunked + "5;a=b\r\nhello\r\n0\r\n\r\n", chunked + "5\r\nhello\r\n0\r\n\r\n"),
        (
            chunked + "5 ; a = \"b;\\\"\" ;c\r\nhello\r\n0;d\r\nX: y\r\nZ:\r\n\r\n" + get,
            chunked + "5\r\nhello\r\n0\r\n\r\n" + get
        ),
        (chunked + "00005\r\nhello\r\n000\r\n\r\n", chunked + "05\r\nhello\r\n0\r\n\r\n"),
        ("\r\n" + get + "\r\n" + get, get + get),
        ("GET http://b/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?y HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("GET http://b?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?y HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("OPTIONS HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: \t 100-continue\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nExpect:100-continue\r\n\r\n"
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: ,100-continue , 100-Continue\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nExpect:100-continue\r\n\r\n"
        ),
    ])
    func `what evhttp does not take leaves the input, in whatever pieces it came`(sent: String, left: String) {
        let bytes = Array(sent.utf8)
        for size in 1...bytes.count {
            let pieces = stride(from: 0, to: bytes.count, by: size).map { bytes[$0..<min($0 + size, bytes.count)] }
            #expect(String(decoding: strained(pieces), as: UTF8.self) == left, "in pieces of \(size)")
        }
    }

    @Test func `of what is left there is nothing to take out, and it says the same`() {
        for request in RawRequest.all where ParserVerdict(request.bytes).refusal == nil {
            let left = strained([request.bytes[...]])
            var parser = RequestParser(limits: RequestLimits())
            parser.feed(left.span)
            #expect(parser.hasExcisions == false, "\(request.name)")
            let (before, after) = (ParserVerdict(request.bytes), ParserVerdict(left))
            #expect(before.passed.map(\.method) == after.passed.map(\.method), "\(request.name)")
            #expect(before.passed.map(\.declaredLength) == after.passed.map(\.declaredLength), "\(request.name)")
            for (old, new) in zip(before.passed, after.passed) {
                #expect(
                    old.target == new.target || old.target == [UInt8(ascii: "*")] && old.method == .options,
                    "\(request.name)")
            }
            #expect(before.refusal == after.refusal && before.isIdle == after.isIdle, "\(request.name)")
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `bodies of any chunks, extensions and trailer fields come out as they went in`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        func pick<Element>(_ list: [Element]) -> Element { list[Int.random(in: 0..<list.count, using: &generator)] }
        for round in 0..<200 {
            var sent = ""
            var expected = ""
            for number in 0..<Int.random(in: 1...6, using: &generator) {
                let target = pick(["/\(number)", "http://h:1/\(number)", "HTTP://h?\(number)"])
                sent += pick(["", "\r\n"]) + "POST \(target) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                let path = target.hasSuffix("?\(number)") ? "/?\(number)" : "/\(number)"
                expected += "POST \(path) HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    // Data that looks like the framing around it.
                    let data = pick([
                        "x", "\r\n0\r\n\r\n", "5;a=b\r\n", "GET / HTTP/1.1\r\n", ";", "\"", "X: y\r\n\r\n",
                    ])
                    let size = String(data.utf8.count, radix: 16)
                    sent += size + pick(["", ";a", " ;a=b", ";a=\"\\\";\"", ";a;b=c", ";x=0"]) + "\r\n\(data)\r\n"
                    expected += "\(size)\r\n\(data)\r\n"
                }
                sent +=
                    "0" + pick(["", ";last", "00"]) + "\r\n" + pick(["", "X: y\r\n", "Content-Length: 9\r\nA:\r\n"])
                    + "\r\n"
                expected += "0\r\n\r\n"
            }
            let left = strained(Array(sent.utf8).pieces(upTo: pick([1, 3, 9, 60, 2_000]), using: &generator))
            #expect(
                String(decoding: left, as: UTF8.self) == expected,
                "seed \(seed), round \(round): \(sent.debugDescription)")
        }
    }

    @Test func `the authority of an absolute form takes the place of Host`() throws {
        // R126 A target in absolute form is taken as its path and query, and its host and port take the place of Host.
        for (target, host, path) in [
            ("http://b:1/x?y", "b:1", "/x?y"), ("http://b", "b", "/"), ("HTTPS://[::1]:8?q", "[::1]:8", "/?q"),
            ("http://b?", "b", "/?"),
        ] {
            let head = try #require(RequestHead.get(target, "X: y"))
            #expect(head[.host]?.elementsEqual(host.utf8) == true, "\(target)")
            #expect(head.target.elementsEqual(path.utf8), "\(target)")
            #expect(head.targetsHTTPS == target.hasPrefix("HTTPS"))
        }
        #expect(try #require(RequestHead.of("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n")).isForServer)
        #expect(try #require(RequestHead.of("OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n")).isForServer == false)
        #expect(try #require(RequestHead.of("GET http://b/ HTTP/1.0\r\n\r\n"))[.host]?.equals("b") == true)
        // The next request has its own again.
        var parser = RequestParser(limits: RequestLimits())
        parser.feed("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n" + Self.get)
        _ = parser.takeRequest()
        #expect(parser.takeRequest()?[.host]?.equals("a") == true)
    }
}
