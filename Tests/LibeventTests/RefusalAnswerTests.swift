// Whoever is not let in, or is too slow, is told so in whole answers that say what is wrong.

import HTTP
import Testing

@testable import Libevent

struct RefusalAnswerTests {
    @Test func `who is not let in is answered 503, and no two reasons have the same sentence`() {
        let refusals = BorderEvent.allCases.compactMap(\.refusal)
        #expect(Set(refusals.map(\.sentence)).count == refusals.count)
        for event in BorderEvent.allCases { #expect((event.refusal?.status == .serviceUnavailable) == event.isRefusal, "\(event)") }
    }

    @Test func `a refusal has the headers of every answer, and to HEAD no body`() {
        let refusal = Refusal(.serviceUnavailable, "a \"reason\"")
        let head = String(decoding: RefusalAnswer.bytes(refusal, RequestID(random: 1), isHead: true), as: UTF8.self)
        let lines = head.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.first == "HTTP/1.1 503 Service Unavailable")
        #expect(lines.suffix(2) == ["", ""])
        #expect(lines[1].hasPrefix("Date: ") && lines[1].hasSuffix(" GMT"))
        for line in [
            "Vary: Accept-Encoding", "X-Request-Id: 000000000000000", "Request_id: 000000000000000", "Content-Type: application/json",
            "Content-Length: 24", "Retry-After: 5", "Connection: close",
        ] { #expect(lines.contains { $0 == line }, "\(line)") }

        let whole = String(decoding: RefusalAnswer.bytes(refusal, RequestID(random: 1)), as: UTF8.self)
        #expect(whole.hasSuffix("\r\n\r\n{\"Error\":\"a \\\"reason\\\"\"}"))
        #expect(RefusalAnswer.atTheDoor(.idle).isEmpty)
    }
}
