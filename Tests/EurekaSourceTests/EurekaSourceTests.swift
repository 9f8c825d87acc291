// The source as it runs: a thread, real sockets, and a server that answers as Netflix's does: cached lists, changes of the
// last minutes, a hash code of the whole, credentials. What it does wrong is set by each test.

import Catalog
import HTTP
import HTTPClient
import RegistryCore
import Synchronization
import System
import TestSupport
import TestTime
import Testing
import Time

@testable import EurekaSource

/// A server of Eureka.
private final class FakeEureka: Sendable {
    struct State {
        /// Status by id, of one application.
        var instances: [String: String] = [:]
        /// What changed lately, the latest last; nil stands for one that is gone.
        var recent: [(id: String, status: String?)] = []
        /// What is answered in the place of a list.
        var answer: (status: HTTP.Status, body: String)?
        /// What `Authorization` has to be.
        var credentials: String?
        /// Paths asked for, in order.
        var asked: [String] = []
    }

    let state = Mutex(State())
    private let server: LiveServer

    init() throws {
        final class Hold: Sendable {
            let respond = Mutex<(@Sendable (Request) -> Response)?>(nil)
        }
        let hold = Hold()
        server = try LiveServer { _ in
            LoopHandler(respond: { request in hold.respond.withLock { $0 }?(request) ?? Response(.serviceUnavailable) })
        }
        hold.respond.withLock { $0 = { [weak self] in self?.respond(to: $0) ?? Response(.serviceUnavailable) } }
    }

    var port: UInt16 { server.port }

    func change(_ id: String, _ status: String?) {
        state.withLock {
            $0.instances[id] = status
            $0.recent.append((id, status))
        }
    }

    var asked: [String] { state.withLock { $0.asked } }

    private func respond(to request: Request) -> Response {
        state.withLock { state in
            let path = String(decoding: request.head.path, as: UTF8.self)
            state.asked.append(path)
            if let credentials = state.credentials,
                request.head[.authorization].map({ String(decoding: $0, as: UTF8.self) }) != credentials
            {
                return Response(.unauthorized)
            }
            if let (status, body) = state.answer {
                return Response(status, contentType: ContentType("text/html"), body: Array(body.utf8))
            }
            let counts = state.instances.values.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            let hash = counts.sorted { $0.key < $1.key }.map { "\($0.key)_\($0.value)_" }.joined()
            let items: [String]
            switch path {
            case "/eureka/v2/apps/":
                items = state.instances.map { EurekaText.instance($0.key, status: $0.value) }
            case "/eureka/v2/apps/delta":
                items = state.recent.map {
                    EurekaText.instance(
                        $0.id, status: $0.status ?? "UP", action: $0.status == nil ? "DELETED" : "MODIFIED")
                }
            default: return Response(.notFound)
            }
            return Response(
                .ok, contentType: .json, body: Array(EurekaText.list(["WEB": items], hash: hash).utf8))
        }
    }
}

/// A source that runs until the test ends.
private final class RunningSource {
    let board: SourceBoard
    private let store = Store(namespaceCapacity: nil)
    private let stop: WakeSignal
    private let ended: WakeSignal
    private let thread: NamedThread

    init(_ servers: [String]) throws {
        board = SourceBoard([.eureka], maximumAge: 600_000, store)
        var configuration = EurekaSource.Configuration(
            servers: try servers.map { try HTTPURL($0) }, namespace: Namespace("default"), authorityPath: nil,
            tagLimits: .standard)
        configuration.period = 20
        let source = EurekaSource(configuration)
        let publisher = try #require(board.publisher(of: .eureka))
        let (stop, ended) = (try WakeSignal(), try WakeSignal())
        thread = try NamedThread(source.threadName) {
            source.run(publisher, until: stop)
            ended.raise()
        }
        (self.stop, self.ended) = (stop, ended)
    }

    deinit { end() }

    /// Whether the thread has ended.
    @discardableResult
    func end() -> Bool {
        stop.raise()
        return ended.wait(until: MonotonicClock.now() + .seconds(Deadline.patience))
    }

    var shown: [String] {
        Lookup(store, board).listing(of: Name("WEB"), in: Namespace("default"), at: .zero).instances.map {
            "\($0.instance.id.description)=\($0.instance.status.token)"
        }.sorted()
    }

    var status: SourceStatus { get throws { try #require(board.report.first) } }

    func wait(for what: String, until isSo: () throws -> Bool) throws {
        let deadline = Deadline()
        let pause = try WakeSignal()
        while try !isSo() {
            guard deadline.remainingMilliseconds > 0 else {
                throw WaitedInVain(for: what, "shown are \(shown), and the source is \(try status)")
            }
            pause.wait(until: MonotonicClock.now() + .milliseconds(5))
        }
    }
}

struct EurekaSourceTests {
    private static func url(_ port: UInt16, _ user: String = "") -> String {
        "http://\(user)127.0.0.1:\(port)/eureka/v2"
    }

    @Test func `what a server has is shown, and its changes are`() throws {
        // U101 Everything is read at first, and every 30 s after that what has changed.
        let server = try FakeEureka()
        server.change("a", "UP")
        let source = try RunningSource([Self.url(server.port)])
        try source.wait(for: "the list") { source.shown == ["WEB:a=UP"] }
        server.change("b", "STARTING")
        server.change("a", nil)
        try source.wait(for: "the changes") { source.shown == ["WEB:b=STARTING"] }
        #expect(try source.status.state == .current)
        #expect(server.asked.first == "/eureka/v2/apps/")
        #expect(server.asked.dropFirst().allSatisfy { $0 == "/eureka/v2/apps/delta" })
        #expect(source.end(), "the thread has not ended")
    }

    @Test func `changes that were missed are found by the hash code`() throws {
        // U102 When it disagrees twice in a row everything is read again.
        let server = try FakeEureka()
        server.change("a", "UP")
        let source = try RunningSource([Self.url(server.port)])
        try source.wait(for: "the list") { source.shown == ["WEB:a=UP"] }
        server.state.withLock { $0.instances["b"] = "UP" }
        try source.wait(for: "what no change tells of") { source.shown == ["WEB:a=UP", "WEB:b=UP"] }
    }

    @Test func `the next server is asked when one is gone`() throws {
        // U104 A server that does not answer is followed by the next of the URLs at once.
        let (first, second) = (try FakeEureka(), try FakeEureka())
        first.change("a", "UP")
        second.change("b", "UP")
        let source = try RunningSource([Self.url(try LoopbackPort().port), Self.url(second.port), Self.url(first.port)])
        try source.wait(for: "the second one's list") { source.shown == ["WEB:b=UP"] }
        second.state.withLock { $0.answer = (.serviceUnavailable, "") }
        try source.wait(for: "the third one's list") { source.shown == ["WEB:a=UP"] }
        #expect(try source.status.state == .current)
    }

    @Test func `a server that is of no use keeps what was shown, and what it does is said`() throws {
        // U108 What is no list keeps what was read last.
        let server = try FakeEureka()
        server.change("a", "UP")
        let source = try RunningSource([Self.url(server.port)])
        try source.wait(for: "the list") { source.shown == ["WEB:a=UP"] }
        for (status, body, sentence) in [
            (HTTP.Status.ok, "<html>It works!</html>", "what it answered is no list of applications"),
            (.forbidden, "", "it answers 403, as a server does that is starting"),
            (.internalServerError, "", "it answered 500"), (.tooManyRequests, "", "it answered 429"),
        ] {
            server.state.withLock { $0.answer = (status, body) }
            try source.wait(for: "\(status)") {
                try source.status.state == .failing
                    && source.status.problems.first?.sentence.hasPrefix(sentence) == true
            }
            #expect(source.shown == ["WEB:a=UP"])
        }
        server.state.withLock { $0.answer = nil }
        server.change("a", "DOWN")
        try source.wait(for: "its mending") { try source.status.state == .current && source.shown == ["WEB:a=DOWN"] }
    }

    @Test func `credentials in a URL are sent, and nowhere shown`() throws {
        // U109 Credentials in a URL are sent as Basic credentials, and are in no page and no line of the log.
        let server = try FakeEureka()
        server.change("a", "UP")
        server.state.withLock { $0.credentials = "Basic am9lOnMzY3JldA==" }
        let source = try RunningSource([Self.url(server.port, "joe:s3cret@")])
        try source.wait(for: "the list") { source.shown == ["WEB:a=UP"] }
        server.state.withLock { $0.credentials = "Basic other" }
        try source.wait(for: "their refusal") { try source.status.state == .failing }
        let said = try source.status.problems.map(\.description).joined()
        #expect(said.contains("it does not accept the credentials in EUREKA_URL (401)"))
        #expect(!said.contains("s3cret"))
    }
}
