// The connection's machine by examples: which directives an event has, in the order of one answer's life.

import Testing

@testable import HTTP

/// A machine behind a reference: the expectations of tests take no value that cannot be copied.
private final class Driver {
    private var machine: ConnectionMachine

    init(isSecure: Bool = false, bodyRule: BodyRule? = nil, begins: Bool = true) {
        machine = ConnectionMachine(limits: RequestLimits(), bodyRule: bodyRule, isSecure: isSecure, now: 0)
        if begins { machine.begin() }
    }

    var state: ConnectionState { machine.state }
    var isReplyAwaited: Bool { machine.isReplyAwaited }
    var isRequestHeld: Bool { machine.isRequestHeld }
    var isRefusedForLimit: Bool { machine.isRefusedForLimit }

    /// Bytes have come, and are alone in the input unless `before` others are there.
    func receive(_ text: String, after before: Int = 0) -> ConnectionDirectives {
        let bytes = Array(text.utf8)
        return machine.received(bytes.count, of: before + bytes.count) { $0.feed(bytes.span) }
    }

    func settle(_ input: Int = 0) -> ConnectionDirectives { machine.settle(input: input, bound: 1_000) }

    /// Does all that is owed.
    func perform(waiting: Int = 0) -> [ConnectionDirectives] {
        var owed = machine.takeOwed()
        var directives: [ConnectionDirectives] = []
        while let work = owed.takeNext() {
            directives.append(machine.perform(work, input: 0, waiting: waiting, bound: 1_000))
        }
        return directives
    }

    func takeFast() -> Bool { machine.takeFast() != nil }
    func takeForEvhttp() -> Bool { machine.takeForEvhttp() != nil }
    func returned(mayGoOn: Bool = true) -> ConnectionDirectives { machine.returned { mayGoOn } }
    func answerFast() -> ConnectionDirectives? { machine.answerFast() }
    var isOnlyReplyKept: Bool { machine.isOnlyReplyKept }
    func answerKept(left: Int) -> ConnectionDirectives { machine.answerKept(left: left) }
    var isCalm: Bool { machine.isCalm }
    func answerByEvhttp() -> ConnectionDirectives? { machine.answerByEvhttp() }
    func evhttpWrote() -> ConnectionDirectives { machine.evhttpWrote(input: 0, bound: 0) }

    /// Nil when the fast path has nothing to write.
    func writeAnswers(left: Int) -> ConnectionDirectives? {
        var isWritten = false
        let directives = machine.writeAnswers {
            isWritten = true
            return left
        }
        return isWritten ? directives : nil
    }

    func written(waiting: Int) -> ConnectionDirectives { machine.written(waiting: waiting) }
    func beginStream() -> (number: Int, path: AnswerPath, ConnectionDirectives)? { machine.beginStream() }
    func isStreaming(_ number: Int) -> Bool { machine.isStreaming(number) }
    func endStream(_ number: Int) -> ConnectionDirectives { machine.endStream(number) }
    func clientEnded() -> ConnectionDirectives { machine.clientEnded() }
    func clientEndSeen() -> ConnectionDirectives { machine.clientEndSeen() }
    func closed() { machine.closed() }
    func drain() -> ConnectionDirectives { machine.drain() }
    func refuse(_ refusal: Refusal) -> ConnectionDirectives { machine.refuse(refusal) }
    func refuseAtOnce(_ refusal: Refusal) -> ConnectionDirectives { machine.refuseAtOnce(refusal) }
    func mostInput(bound: Int, slack: Int = 0) -> Int { machine.mostInput(bound: bound, slack: slack) }
}

struct ConnectionMachineTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    private func serving(isSecure: Bool = false) -> Driver { Driver(isSecure: isSecure) }

    /// With one request of the fast path that the handler has been asked.
    private func asking() -> Driver {
        let machine = serving()
        _ = machine.receive(Self.get)
        _ = machine.takeFast()
        return machine
    }

    /// With a reply that the handler keeps.
    private func waiting(_ path: AnswerPath, isSecure: Bool = false) -> Driver {
        let machine = serving(isSecure: isSecure)
        _ = machine.receive(path == .fast ? Self.get : Self.last)
        _ = path == .fast ? machine.takeFast() : machine.takeForEvhttp()
        _ = machine.returned()
        return machine
    }

    // MARK: - The fast path

    @Test func `a whole request is answered within its turn`() {
        let machine = serving()
        #expect(machine.receive(Self.get) == .answerFast)
        #expect(machine.takeFast())
        #expect(machine.answerFast() == .writeAtEndOfTurn)
        #expect(machine.returned() == [])
        #expect(!machine.takeFast())
        #expect(machine.settle() == [])
        #expect(machine.writeAnswers(left: 0) == [])
        #expect(machine.state == .reading)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost", "GET / HTTP/1.0\r\n\r\n", last,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ])
    func `what is not whole, or asks something of the connection, is evhttp's`(request: String) {
        let machine = serving()
        #expect(!machine.receive(request).contains(.answerFast))
    }

    @Test func `what comes after bytes that evhttp has not taken is evhttp's`() {
        let machine = serving()
        #expect(machine.receive(Self.get, after: 1) == .settle)
    }

    @Test func `requests that came together are written together`() {
        let machine = serving()
        #expect(machine.receive(Self.get + Self.get) == .answerFast)
        #expect(machine.takeFast())
        #expect(machine.answerFast() == .writeAtEndOfTurn)
        #expect(machine.returned() == .answerFast)
        #expect(machine.takeFast())
        #expect(machine.answerFast() == [], "it is asked for once")
        #expect(machine.returned() == [])
        #expect(machine.writeAnswers(left: 0) == [])
    }

    @Test func `a turn that is over leaves the rest to evhttp, after what waits for the client`() {
        let machine = serving()
        _ = machine.receive(Self.get + Self.get)
        _ = machine.takeFast()
        _ = machine.answerFast()
        #expect(machine.returned(mayGoOn: false) == [.takeCallbacks, .stopReading, .settle])
        #expect(!machine.takeFast())
        #expect(machine.writeAnswers(left: 0) == [.returnCallbacks, .startReading, .later])
        #expect(machine.perform() == [.lookAgain])
        #expect(machine.takeForEvhttp())
    }

    @Test func `what the socket does not take libevent writes, and nothing is read meanwhile`() {
        let machine = asking()
        _ = machine.answerFast()
        #expect(machine.writeAnswers(left: 5) == [.takeCallbacks, .stopReading, .startWriting])
        #expect(machine.writeAnswers(left: 0) == nil)
        #expect(machine.written(waiting: 5) == [], "a late report")
        #expect(machine.written(waiting: 0) == [.stopWriting, .returnCallbacks, .startReading, .later])
    }

    // MARK: - Kept replies

    @Test func `a kept reply leaves evhttp without a word, and the client's end is read`() {
        let machine = asking()
        #expect(machine.returned() == [.takeCallbacks, .settle], "reading is on")
        #expect(machine.isReplyAwaited && !machine.isRequestHeld)
        #expect(machine.clientEnded() == [])
        #expect(machine.answerFast() == .writeAtEndOfTurn)
        #expect(machine.writeAnswers(left: 0) == [.returnCallbacks, .startReading, .later])
        #expect(machine.perform() == [.lookAgain, .close])
    }

    @Test func `a kept reply is written at once, and nothing is asked of libevent for it`() {
        let machine = waiting(.fast)
        #expect(machine.isOnlyReplyKept)
        #expect(machine.answerKept(left: 0) == .returnCallbacks)
        #expect(machine.state == .reading)
        #expect(machine.receive(Self.get) == .answerFast, "the client comes back at once")
    }

    @Test func `what the socket does not take of a kept reply libevent writes`() {
        let machine = waiting(.fast)
        #expect(machine.answerKept(left: 5) == [.takeCallbacks, .stopReading, .startWriting])
        #expect(machine.written(waiting: 0) == [.stopWriting, .returnCallbacks, .startReading, .later])
    }

    @Test func `evhttp looks at what came while a reply was kept`() {
        let machine = waiting(.fast)
        #expect(machine.receive(Self.get) == .settle)
        #expect(machine.answerKept(left: 0) == [.returnCallbacks, .startReading, .later])
        #expect(machine.perform() == [.lookAgain])
    }

    @Test func `a kept reply does not overtake the answers before it`() {
        let machine = serving()
        _ = machine.receive(Self.get + Self.get)
        _ = machine.takeFast()
        _ = machine.answerFast()
        _ = machine.returned()
        _ = machine.takeFast()
        _ = machine.returned()
        #expect(!machine.isOnlyReplyKept)
        #expect(machine.answerFast() == [], "it is written with them")
    }

    @Test func `only who waits for a word of ours is calm`() {
        #expect(!serving().isCalm && !asking().isCalm)
        let kept = waiting(.fast)
        #expect(kept.isCalm)
        _ = kept.answerFast()
        #expect(!kept.isCalm)
        let streaming = asking()
        _ = streaming.beginStream()
        #expect(streaming.isCalm)
        _ = streaming.clientEnded()
        #expect(!streaming.isCalm, "its end is waited for")
    }

    @Test func `evhttp gets its callbacks back before it is given a kept answer`() {
        let machine = waiting(.evhttp)
        #expect(machine.isReplyAwaited && machine.isRequestHeld)
        #expect(machine.answerByEvhttp() == .returnCallbacks)
        #expect(!machine.isRequestHeld)
        #expect(machine.evhttpWrote() == [])
    }

    @Test func `evhttp writes the fast path's answers with its own`() {
        let machine = asking()
        _ = machine.answerFast()
        _ = machine.receive(Self.last)
        #expect(machine.takeForEvhttp())
        #expect(machine.answerByEvhttp() == [])
        #expect(machine.writeAnswers(left: 0) == nil)
        #expect(machine.evhttpWrote() == [])
        #expect(machine.state == .reading)
    }

    @Test func `nobody is answered after the connection has gone`() {
        for path in [AnswerPath.fast, .evhttp] {
            let machine = waiting(path)
            machine.closed()
            #expect(machine.answerFast() == nil)
            #expect(machine.answerByEvhttp() == nil)
            #expect(machine.beginStream() == nil)
        }
    }

    // MARK: - Streams

    @Test func `the connection serves on after a stream of the fast path`() throws {
        let machine = asking()
        let (number, path, directives) = try #require(machine.beginStream())
        #expect(path == .fast && directives == [.takeCallbacks, .startReading, .startWriting])
        #expect(machine.isStreaming(number) && !machine.isStreaming(number + 1))
        #expect(machine.written(waiting: 0) == [])
        #expect(machine.endStream(number) == [.stopReading, .startWriting])
        #expect(machine.written(waiting: 0) == [.stopWriting, .returnCallbacks, .startReading, .later])
    }

    @Test func `the connection ends with a stream that evhttp has the request of`() throws {
        let machine = waiting(.evhttp)
        let (number, _, directives) = try #require(machine.beginStream())
        #expect(directives == .startWriting)
        #expect(machine.endStream(number) == .later)
        #expect(machine.isRequestHeld, "it is freed with the connection")
        #expect(machine.perform() == [.close])
    }

    @Test func `a stream ends with its client's sending`() {
        let machine = asking()
        _ = machine.beginStream()
        #expect(machine.clientEnded() == .later)
        #expect(machine.perform() == [.close])
    }

    @Test func `a stream ends with its client's sending, but not the answers before it`() {
        let machine = serving()
        _ = machine.receive(Self.get + Self.get)
        _ = machine.takeFast()
        _ = machine.answerFast()
        _ = machine.takeFast()
        _ = machine.beginStream()
        #expect(machine.writeAnswers(left: 0) == nil, "libevent writes them")
        _ = machine.clientEnded()
        #expect(machine.perform(waiting: 70) == [.startWriting])
        #expect(machine.written(waiting: 0) == .close)
    }

    @Test func `a stop ends streams, closes what is idle, and lets the others be answered`() {
        let idle = serving()
        #expect(idle.drain() == .closeIfIdle)
        let streaming = asking()
        _ = streaming.beginStream()
        #expect(streaming.drain() == .drainStream)
        let begun = serving()
        _ = begun.receive("GET")
        #expect(begun.drain() == [])
        let kept = waiting(.fast)
        #expect(kept.drain() == .drainReply)
        _ = kept.answerFast()
        #expect(kept.writeAnswers(left: 0) == [.returnCallbacks, .close])
    }

    // MARK: - Refusals

    @Test func `a refusal is told in a turn of its own, and the client may read it`() {
        let machine = serving()
        #expect(machine.receive("no\n") == .settle)
        #expect(machine.settle() == [.discardInput, .later])
        #expect(machine.receive("more", after: 3) == .discardInput)
        #expect(machine.perform() == [.tellRefusal])
        #expect(!machine.isRefusedForLimit)
        #expect(machine.written(waiting: 0) == .endSending)
        #expect(machine.clientEnded() == .close)
    }

    @Test func `a client that has ended its sending is told why it is refused`() {
        let machine = serving()
        _ = machine.receive("no\n")
        _ = machine.settle()
        _ = machine.perform()
        #expect(machine.clientEnded() == [])
        #expect(machine.written(waiting: 0) == .close)
    }

    @Test func `a refused client that goes on sending is let go of`() {
        let machine = serving()
        _ = machine.receive("no\n")
        _ = machine.settle()
        _ = machine.perform()
        let megabyte = String(repeating: "x", count: ConnectionMachine.lingerBytes)
        #expect(machine.receive(megabyte) == .discardInput)
        #expect(machine.receive("x") == [.discardInput, .stopReading, .later])
        #expect(machine.perform() == [.close])
        #expect(machine.receive("x") == .discardInput, "once")
    }

    @Test(arguments: [AnswerPath.fast, .evhttp])
    func `a refusal waits for the answers before it`(path: AnswerPath) {
        let machine = waiting(path)
        _ = machine.receive("no\n")
        // What follows from evhttp's request evhttp does not look at before that is answered.
        #expect(machine.settle() == (path == .fast ? .discardInput : []))
        if path == .fast {
            _ = machine.answerFast()
            #expect(machine.writeAnswers(left: 0) == [.returnCallbacks, .discardInput, .later])
        } else {
            _ = machine.answerByEvhttp()
            #expect(machine.evhttpWrote() == [.discardInput, .later])
        }
        #expect(machine.perform() == [.tellRefusal])
    }

    @Test func `a limit refuses a connection before anything is read, and a request that takes too long`() {
        let machine = Driver(begins: false)
        #expect(machine.receive(Self.get) == [], "its protocol has not begun")
        #expect(machine.refuseAtOnce(Refusal(.serviceUnavailable, "too many")) == .tellRefusal)
        #expect(machine.isRefusedForLimit)
        let late = serving()
        _ = late.receive("GET")
        #expect(late.refuse(Refusal(.requestTimeout, "late")) == [.discardInput, .later])
        #expect(late.isRefusedForLimit)
    }

    // MARK: - Bounds

    @Test func `reading stops early while a complete request waits, and goes on after it`() {
        let machine = waiting(.fast)
        let many = String(repeating: Self.get, count: 700)
        #expect(machine.receive(many) == .settle)
        #expect(machine.mostInput(bound: 50_000) == 50_000)
        #expect(machine.settle(many.utf8.count) == .boundInput)
        #expect(machine.mostInput(bound: 50_000) == ConnectionMachine.pipelinedBytes)
        #expect(machine.settle(many.utf8.count) == [], "once")
    }

    @Test func `over TLS reading is turned off, since no bound holds there`() {
        let machine = waiting(.fast, isSecure: true)
        let many = String(repeating: Self.get, count: 700)
        _ = machine.receive(many)
        #expect(machine.settle(many.utf8.count) == .stopReading)
        #expect(machine.mostInput(bound: 50_000) == 0)
    }

    @Test func `over TLS the client's end waits for what came before it`() {
        let machine = serving(isSecure: true)
        _ = machine.receive("GET / HTTP/1.1\r\n")
        #expect(machine.settle(16) == .delayEnd)
        #expect(machine.clientEndSeen() == .later)
        _ = machine.receive("Host: a\r\n\r\n", after: 16)
        #expect(machine.perform() == [[]], "a request came whole")
        #expect(machine.takeForEvhttp())
        _ = machine.answerByEvhttp()
        #expect(machine.evhttpWrote() == .later)
        #expect(machine.perform() == [.close])
    }

    @Test func `there is room for a body that a route may have`() throws {
        let rule = BodyRule(largest: 100_000) { _ in 100_000 }
        let machine = Driver(bodyRule: rule)
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n"
        #expect(machine.receive(head) == [.boundInput, .settle])
        #expect(machine.mostInput(bound: 90_000, slack: 100) == RequestLimits().head + 100_000 + 100)
    }
}
