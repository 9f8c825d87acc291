// What of a request may stand in a log.

import Testing

@testable import Authorization
@testable import Serving

struct LoggedTargetTests {
    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test(arguments: [
        ("/api/v1/instances/eureka/x", "/api/v1/instances/eureka/x"), ("/", "/"), ("", ""), ("*", "*"),
        ("/api/eureka/token/v2/apps/A", "/api/eureka/***/v2/apps/A"),
        ("/api/eureka/v2/apps/A", "/api/eureka/v2/apps/A"), ("/eureka/v2/apps/A", "/eureka/v2/apps/A"),
        ("/eureka/apps/A/i", "/eureka/apps/A/i"), ("/eureka/x/apps/A", "/eureka/***/apps/A"),
        ("/api/eureka/apps/v2/apps", "/api/eureka/***/v2/apps"),
        ("/api/eureka/", "/api/eureka/"), ("/api/eureka", "/api/eureka"),
        ("/api/eureka//token/v2", "/api/eureka//***/v2"),
        ("/api/%65%75reka/token", "/api/%65%75reka/***"), ("/eurekas/x", "/eurekas/x"),
        ("http://a/api/eureka/token/v2", "http://a/api/eureka/***/v2"),
    ])
    func `the segment behind eureka is blotted out of a path`(sent: String, logged: String) {
        #expect(Self.text(LoggedTarget.path(Array(sent.utf8)[...])) == logged)
    }

    // R671 One that cannot be read is shown by its first 64 bytes … no header value, no query.
    @Test(arguments: [
        ("GET /a b HTTP/1.1\r\nAuthorization: Bearer secret", "GET /a b HTTP/1.1"),
        ("GET /x?token=secret HTTP/1.1\r\n", "GET /x?***"),
        ("Authorization: Bearer secret\r\n", "Authorization:***"), ("authorization : secret", "authorization :***"),
        ("GET /api/eureka/secret/v2", "GET /api/eureka/***/v2"),
        ("GET http://me:secret@host/x HTTP/1.1", "GET http://***@host/x HTTP/1.1"),
        ("GET /a:b HTTP/1.1", "GET /a:b HTTP/1.1"), ("\u{16}\u{3}\u{1}", "\u{16}\u{3}\u{1}"), ("", ""),
        ("\r\nsecret", ""),
        ("PRI * HTTP/2.0\r\n", "PRI * HTTP/2.0"), ("nonsense Bearer secret", "nonsense Bearer ***"),
        ("x BASIC secret", "x BASIC ***"),
    ])
    func `an excerpt is the first line without what may be secret`(received: String, shown: String) {
        #expect(Self.text(LoggedTarget.excerpt(Array(received.utf8))) == shown)
    }

    @Test func `an excerpt is short`() {
        #expect(LoggedTarget.excerpt([UInt8](repeating: 0x61, count: 10_000)).count == 64)
    }
}
