// Whoever is not let in, or is too slow, is told so in whole answers that say what is wrong.

import HTTP
import Testing

@testable import Libevent

struct RefusalAnswerTests {
    @Test func `who is not let in is answered 503, and no two reasons have the same sentence`() {
        let refusals = LimitEvent.allCases.compactMap(\.refusal)
        #expect(Set(refusals.map(\.sentence)).count == refusals.count)
        for event in LimitEvent.allCases {
            #expect((event.refusal?.status == .serviceUnavailable) == event.isRefusal, "\(event)")
        }
    }

    @Test func `a refusal has the fields of every answer and its own, and to HEAD no body`() {
        var standing = ResponseFields()
        standing.append(.vary, "Accept-Encoding")
        var response = Response(.serviceUnavailable, contentType: .json, body: Array("{}".utf8))
        response.fields.append(.retryAfter, 12)
        var rendering = AnswerHead(standing: standing)
        let head = String(decoding: RefusalAnswer.bytes(response, isHead: true, &rendering), as: UTF8.self)
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.first == "HTTP/1.1 503 Service Unavailable")
        #expect(lines.suffix(2) == ["", ""])
        #expect(lines[1].hasPrefix("Date: ") && lines[1].hasSuffix(" GMT"))
        for line in [
            "Vary: Accept-Encoding", "Content-Type: application/json", "Content-Length: 2", "Retry-After: 12",
            "Connection: close",
        ] {
            #expect(lines.contains { $0 == line }, "\(line)")
        }
        #expect(String(decoding: RefusalAnswer.bytes(response, &rendering), as: UTF8.self) == head + "{}")
    }
}
