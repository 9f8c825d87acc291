// The first exchange of every connection on the replication port, read as strangers would write it.

import Testing

@testable import Replication

struct UpgradeHandshakeTests {
    private static let own = PeerAddress(host: "10.0.0.1", port: 6_100)
    private static let other = PeerAddress(host: "10.0.0.2", port: 6_100)

    private static func verdict(_ text: String, allowsOriginals: Bool = true, piece: Int = 1_000_000)
        -> UpgradeRequestReader.Verdict
    {
        var reader = UpgradeRequestReader(address: own, allowsOriginals: allowsOriginals)
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let verdict = reader.take(Array(rest.prefix(piece)))
            if verdict != .incomplete { return verdict }
            rest = rest.dropFirst(piece)
        }
        return .incomplete
    }

    private static func request(
        _ line: String = "GET /v1/replication HTTP/1.1", _ fields: [String] = ["Host: a", "Member-ID: 10.0.0.2:6100"]
    )
        -> String
    {
        ([line] + fields).map { $0 + "\r\n" }.joined() + "\r\n"
    }

    @Test(arguments: [1, 7, 10_000])
    func `what a member of ours sends is understood by another, in any pieces`(piece: Int) {
        let text = String(decoding: UpgradeHandshake.request(to: Self.own, from: Self.other), as: UTF8.self)
        let expected = UpgradeRequest(kind: .frames, member: Self.other, acceptsGzip: false)
        #expect(Self.verdict(text, piece: piece) == .request(expected, rest: []))
        #expect(Self.verdict(text, allowsOriginals: false, piece: piece) == .request(expected, rest: []))
    }

    @Test func `a member of ours is refused where it should have TLS and has none, and the original is not`() {
        func verdict(_ bytes: [UInt8]) -> UpgradeRequestReader.Verdict {
            var reader = UpgradeRequestReader(address: Self.own, allowsOriginals: true, allowsFrames: false)
            return reader.take(bytes)
        }
        #expect(verdict(UpgradeHandshake.request(to: Self.own, from: Self.other)) == .refused(.insecure))
        let original = UpgradeRequest(kind: .originalChanges, member: Self.other, acceptsGzip: false)
        #expect(verdict(Array(Self.request().utf8)) == .request(original, rest: []))
    }

    @Test func `what stands behind the request is handed on`() {
        let text = String(decoding: UpgradeHandshake.request(to: Self.own, from: Self.other), as: UTF8.self) + "frames"
        #expect(
            Self.verdict(text)
                == .request(
                    UpgradeRequest(kind: .frames, member: Self.other, acceptsGzip: false), rest: Array("frames".utf8)))
    }

    /// "`GET /v1/replication` (live changes) and `GET /v1/sync` (a full copy, then the stream ends). Request header
    /// `Member-ID: IP:PORT` of the caller … gzip if the caller offers it."
    @Test(arguments: [
        ("/v1/replication", [], UpgradeKind.originalChanges, false),
        ("/v1/sync", [], .originalCopy, false),
        ("/v1/sync", ["Accept-Encoding: gzip"], .originalCopy, true),
        ("/v1/replication", ["accept-encoding: br, GZIP"], .originalChanges, true),
        // An upgrade to something else is no upgrade, nor is one that Connection does not name.
        ("/v1/replication", ["Connection: Upgrade", "Upgrade: h2c"], .originalChanges, false),
        ("/v1/replication", ["Upgrade: a8-replication/1"], .originalChanges, false),
        // A member that speaks more versions than we do.
        (
            "/v1/replication", ["Connection: keep-alive, upgrade", "Upgrade: a8-replication/9, a8-replication/1"],
            .frames, false
        ),
        // A copy is the original's way alone.
        ("/v1/sync", ["Connection: Upgrade", "Upgrade: a8-replication/1"], .originalCopy, false),
    ])
    func `the original's requests are told from ours`(
        path: String, fields: [String], kind: UpgradeKind, acceptsGzip: Bool
    ) {
        let text = Self.request("GET \(path) HTTP/1.1", ["Host: a", "Member-ID: 10.0.0.2:6100"] + fields)
        #expect(
            Self.verdict(text)
                == .request(UpgradeRequest(kind: kind, member: Self.other, acceptsGzip: acceptsGzip), rest: []))
        if kind != .frames { #expect(Self.verdict(text, allowsOriginals: false) == .refused(.originalsOff)) }
    }

    @Test
    func `a member of ours is greeted though it says that it is where this one is, for only that tells who it is`() {
        let text = Self.request(
            "GET /v1/replication HTTP/1.1",
            ["Host: a", "Member-ID: 10.0.0.1:6100", "Connection: Upgrade", "Upgrade: a8-replication/1"])
        #expect(
            Self.verdict(text)
                == .request(UpgradeRequest(kind: .frames, member: Self.own, acceptsGzip: false), rest: []))
    }

    @Test(arguments: [
        // "missing or equal to the receiver's own is 400."
        (request("GET /v1/replication HTTP/1.1", ["Host: a"]), UpgradeRefusal.malformed),
        (request("GET /v1/replication HTTP/1.1", ["Host: a", "Member-ID: 10.0.0.1:6100"]), .ourself),
        (request("GET /v1/sync HTTP/1.1", ["Host: a", "Member-ID: 10.0.0.1:6100"]), .ourself),
        (
            request("GET /v1/sync HTTP/1.1", ["Host: a", "Member-ID: 10.0.0.2:6100", "Member-ID: 10.0.0.3:6100"]),
            .malformed
        ),
        (request("GET /v1/sync HTTP/1.1", ["Host: a", "Member-ID: registry:6100"]), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Host: a", "Member-ID: 10.0.0.2:0"]), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Member-ID: 10.0.0.2:6100"]), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Host: a", "Host: a", "Member-ID: 10.0.0.2:6100"]), .malformed),
        (request("GET / HTTP/1.1"), .notFound),
        (request("GET /v1/replication/ HTTP/1.1"), .notFound),
        (request("GET /v1/replication?x HTTP/1.1"), .notFound),
        (request("POST /v1/replication HTTP/1.1"), .notGet),
        (request("get /v1/replication HTTP/1.1"), .notGet),
        (request("GET /v1/replication HTTP/1.0"), .malformed),
        (request("GET  /v1/replication HTTP/1.1"), .malformed),
        (request("GET http://a/v1/replication HTTP/1.1"), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Host: a", "Member-ID: 10.0.0.2:6100", "Content-Length: 0"]), .malformed),
        (
            request("GET /v1/sync HTTP/1.1", ["Host: a", "Member-ID: 10.0.0.2:6100", "Transfer-Encoding: chunked"]),
            .malformed
        ),
        (request("GET /v1/sync HTTP/1.1", ["Host : a", "Member-ID: 10.0.0.2:6100"]), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Host: a", " folded", "Member-ID: 10.0.0.2:6100"]), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Host: a", "nothing", "Member-ID: 10.0.0.2:6100"]), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Host: a\nX: b", "Member-ID: 10.0.0.2:6100"]), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Host: a\rX: b", "Member-ID: 10.0.0.2:6100"]), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Host: a\0", "Member-ID: 10.0.0.2:6100"]), .malformed),
        (request("GET /v1/sync HTTP/1.1", ["Host: ä", "Member-ID: 10.0.0.2:6100"]), .malformed),
        ("\r\n\r\n", .malformed),
        ("nonsense\r\n\r\n", .malformed),
    ])
    func `anything else is refused`(text: String, refusal: UpgradeRefusal) {
        #expect(Self.verdict(text) == .refused(refusal))
        #expect(Self.verdict(text, piece: 1) == .refused(refusal))
        #expect(refusal.answer.starts(with: Array("HTTP/1.1 4".utf8)))
    }

    @Test func `a head of the longest length passes, and bytes without end are not kept`() {
        let fixed = Self.request("GET /v1/sync HTTP/1.1", ["Host: a", "Member-ID: 10.0.0.2:6100", "X: "]).utf8.count
        let longest = Self.request(
            "GET /v1/sync HTTP/1.1",
            [
                "Host: a", "Member-ID: 10.0.0.2:6100",
                "X: " + String(repeating: "x", count: UpgradeHandshake.maximumBytes - fixed),
            ])
        #expect(longest.utf8.count == UpgradeHandshake.maximumBytes)
        #expect(Self.verdict(longest, piece: 1) == Self.verdict(Self.request("GET /v1/sync HTTP/1.1")))
        #expect(Self.verdict(String(longest.dropLast(1)), piece: 100) == .incomplete)
        #expect(Self.verdict(longest.replacing("X: ", with: "X: x"), piece: 1) == .refused(.tooLong))
        for piece in [1, 1_000_000] {
            let endless = String(repeating: "x", count: 3 * UpgradeHandshake.maximumBytes)
            #expect(Self.verdict(endless, piece: piece) == .refused(.tooLong))
            #expect(Self.answer(endless, piece: piece) == "failed")
        }
    }

    // MARK: - Answers

    private static func answer(_ text: String, piece: Int = 1_000_000) -> String {
        var reader = UpgradeAnswerReader()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            switch reader.take(Array(rest.prefix(piece))) {
            case .incomplete: rest = rest.dropFirst(piece)
            case .frames(let behind): return "frames, \(behind.count) behind"
            case .original(let answer, let behind):
                return
                    "original, \(answer.isChunked ? "chunked" : "plain"), \(answer.isPacked ? "gzip" : "unpacked"), \(behind.count) behind"
            case .refused: return "refused"
            case .failed: return "failed"
            }
        }
        return "incomplete"
    }

    @Test(arguments: [
        (String(decoding: UpgradeHandshake.upgraded, as: UTF8.self), "frames, 0 behind"),
        (String(decoding: UpgradeHandshake.upgraded, as: UTF8.self) + "abc", "frames, 3 behind"),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "failed"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "failed"),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\nab",
            "original, chunked, unpacked, 2 behind"
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\r\n",
            "original, plain, unpacked, 0 behind"
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
            "original, chunked, gzip, 0 behind"
        ),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: br\r\n\r\n", "failed"),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "failed"),
        ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "failed"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "failed"),
        ("HTTP/1.1 403 Forbidden\r\n\r\n", "refused"),
        ("HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "failed"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "failed"),
        ("HTTP/1.1 200 OK\r\n", "incomplete"),
    ])
    func `an answer tells whom the dialer has reached`(text: String, verdict: String) {
        #expect(Self.answer(text) == verdict)
    }

    @Test(arguments: [
        UpgradeRefusal.malformed, .tooLong, .ourself, .notFound, .notGet, .originalsOff, .insecure, .stranger,
        .notReady,
    ])
    func `a refusal is an answer that its dialer takes for a failure, or for one where it is not let in`(
        refusal: UpgradeRefusal
    ) {
        let verdict = [.originalsOff, .insecure, .stranger].contains(refusal) ? "refused" : "failed"
        #expect(Self.answer(String(decoding: refusal.answer, as: UTF8.self), piece: 1) == verdict)
    }
}
