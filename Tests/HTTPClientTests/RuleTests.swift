// The client's decisions as tables: URLs, redirects, retries, deadlines, what is said of a body's end.

import HTTP
import Libevent
import Testing

@testable import HTTPClient

struct RuleTests {
    @Test(arguments: [
        ("http://example.com", "http://example.com/", "example.com"),
        ("HTTPS://Example.COM:443/a?b=c#d", "https://example.com/a?b=c", "example.com"),
        ("http://example.com:8080?q", "http://example.com:8080/?q", "example.com:8080"),
        ("http://[2001:DB8::1]/x", "http://[2001:db8::1]/x", "[2001:db8::1]"),
        ("http://[::1]:8761/eureka/v2", "http://[::1]:8761/eureka/v2", "[::1]:8761"),
        ("http://user:secret@h/", "http://h/", "h"),
        ("http://my_service.prod.svc/", "http://my_service.prod.svc/", "my_service.prod.svc"),
    ])
    func `a URL is read, and written without its password`(text: String, written: String, host: String) throws {
        let url = try HTTPURL(text)
        #expect(url.description == written && url.hostField == host)
    }

    @Test(arguments: [
        ("ftp://h/", HTTPURLError.scheme), ("h:80", .scheme), ("", .scheme), ("http://", .host), ("http:///x", .host),
        ("http://a b/", .host), ("http://-a/", .host), ("http://a..b/", .host), ("http://[::1/", .host),
        ("http://::1/", .host), ("http://[10.0.0.1]/", .host), ("http://h:0/", .port), ("http://h:65536/", .port),
        ("http://h:+1/", .port), ("http://h:/", .port), ("http://h/a b", .target), ("http://h/\r\nX: y", .target),
        ("http://h/ä", .target), ("http://u%zz@h/", .userInfo), ("http://h\u{0}/", .host),
    ])
    func `what is no URL is refused by its part`(text: String, error: HTTPURLError) {
        #expect(throws: error) { try HTTPURL(text) }
    }

    @Test(arguments: [
        ("/x", "http://h:1/x"), ("x?y#z", "http://h:1/a/x?y"), ("//other/x", "http://other/x"),
        ("https://h:1/x", "https://h:1/x"),
    ])
    func `a reference is resolved`(reference: String, expected: String) throws {
        #expect(try HTTPURL("http://h:1/a/b?c").resolving(reference)?.description == expected)
    }

    @Test func `a path is appended with one slash`() throws {
        for base in ["http://h/eureka/v2", "http://h/eureka/v2/", "http://h/eureka/v2?x=y"] {
            #expect(try HTTPURL(base).appending(path: "/apps/delta")?.target == "/eureka/v2/apps/delta")
        }
        #expect(try HTTPURL("http://h").appending(path: "a b") == nil)
    }

    @Test(arguments: [
        (302, "/b", HTTP.Method.get, 0, RedirectOutcome.follow), (302, "/b", .get, 5, .refuse),
        (302, "http://h/b", .get, 0, .follow), (302, "http://h:81/b", .get, 0, .refuse),
        (302, "https://h/b", .get, 0, .refuse), (302, "http://evil/b", .get, 0, .refuse),
        (302, "//evil/b", .get, 0, .refuse), (302, "/b\r\n", .get, 0, .refuse), (302, "/b", .post, 0, .answer),
        (304, "/b", .get, 0, .answer), (200, "/b", .get, 0, .answer), (307, "/b", .head, 0, .follow),
    ])
    func `redirects stay with their server`(
        status: Int, location: String, method: HTTP.Method, count: Int, outcome: RedirectOutcome
    ) throws {
        let head = ReceivedHead(status: status, fields: [("Location", location)])
        let rule = RedirectRule(head, to: method, at: try HTTPURL("http://h/a"), after: count)
        switch rule {
        case .answer: #expect(outcome == .answer)
        case .follow(let url): #expect(outcome == .follow && url.description == "http://h/b")
        case .refuse: #expect(outcome == .refuse)
        }
    }

    enum RedirectOutcome: Sendable { case answer, follow, refuse }

    @Test func `a redirect without a place is the answer`() throws {
        let rule = RedirectRule(ReceivedHead(status: 302, fields: []), to: .get, at: try HTTPURL("http://h"), after: 0)
        #expect(rule == .answer)
    }

    @Test func `only what died on a kept connection, unanswered, is sent again`() {
        for bits in 0..<16 {
            let (kept, repeatable, retried, answered) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0)
            let again = RetryRule.sendsAgain(
                after: .cut, wasKept: kept, isRepeatable: repeatable, hasRetried: retried, hasAnswer: answered)
            #expect(again == (kept && repeatable && !retried && !answered), "\(bits)")
        }
        let again = RetryRule.sendsAgain(
            after: .malformed(""), wasKept: true, isRepeatable: true, hasRetried: false, hasAnswer: false)
        #expect(!again)
    }

    @Test func `each deadline counts from the beginning of what it bounds`() {
        var deadlines = AnswerDeadlines()
        (deadlines.connect, deadlines.head, deadlines.whole, deadlines.silence) = (100, 200, 1_000, 300)
        var clock = AnswerClock(deadlines, at: 0)
        #expect(clock.lateness(at: 99) == nil)
        #expect(clock.lateness(at: 100) == Lateness(cause: .phase(.connection), milliseconds: 100))
        clock.enter(.head, at: 90)
        clock.heard(at: 250)
        #expect(clock.lateness(at: 289) == nil)
        #expect(clock.lateness(at: 290) == Lateness(cause: .phase(.head), milliseconds: 200))
        clock.enter(.body, at: 280)
        clock.heard(at: 500)
        #expect(clock.lateness(at: 799) == nil)
        #expect(clock.lateness(at: 800) == Lateness(cause: .phase(.body), milliseconds: 300))
        clock.heard(at: 999)
        #expect(clock.lateness(at: 1_000) == Lateness(cause: .whole, milliseconds: 1_000))
        (deadlines.whole, deadlines.silence) = (nil, nil)
        clock = AnswerClock(deadlines, at: 0)
        clock.enter(.body, at: 0)
        #expect(clock.lateness(at: .max) == nil)
        // A server that turns out to send something now and then.
        clock.heard(at: 1_000)
        clock.limitSilence(to: 50)
        #expect(clock.lateness(at: 1_049) == nil)
        #expect(clock.lateness(at: 1_050) == Lateness(cause: .phase(.body), milliseconds: 50))
    }

    @Test(
        arguments: [
            ([("Content-Length", "5")], true), ([("Content-Length", "5"), ("content-length", "5")], true),
            ([("Content-Length", "5, 5")], true), ([("Content-Length", "5, 6")], false),
            ([("Content-Length", "")], false),
            ([("Content-Length", "+5")], false), ([("Content-Length", "99999999999999999999")], false),
            ([("Transfer-Encoding", "Chunked")], true), ([("Transfer-Encoding", "chunked, chunked")], false),
            ([("Transfer-Encoding", "")], false), ([("Transfer-Encoding", "chunked"), ("Content-Length", "5")], false),
            ([], true),
        ] as [([(String, String)], Bool)])
    func `an answer has one end`(fields: [(String, String)], isCertain: Bool) {
        let head = ReceivedHead(status: 200, fields: fields.map { (name: $0.0, value: $0.1) })
        #expect((head.framingFault == nil) == isCertain, "\(fields)")
    }
}
