// One life of a connection, at random: its client, its handler, its buffers, and an evhttp and a libevent as far as the
// machine meets them. After each step the machine's invariants must hold, and what it directs is held against what
// evhttp bears and what a client may expect.

import TestRandom

@testable import HTTP

/// One connection with all that is around it.
final class ConnectionScene {
    /// A request that the client sends.
    struct Sent {
        let target: String
        let isHead: Bool
        let isOld: Bool
        /// Whether the connection ends with its answer.
        let closes: Bool
        /// Where it ends in the bytes of the connection.
        let end: Int
    }

    /// Whose callbacks are set on the bufferevent.
    enum Listener { case evhttp, delaying, connection }

    /// What evhttp does with the connection.
    enum Evhttp { case reading, holding, writing(closes: Bool) }

    private static let deadlines = Deadlines()
    private static let bound = 600

    let seed: UInt64
    let isSecure: Bool
    /// The most milliseconds from one sweep to the next: in most lives few, so that they do not end by a deadline.
    let longestPause: Int64
    var random: SplitMix64
    var machine: ConnectionMachine
    private(set) var complaint: String?
    /// What has happened, without its numbers.
    private(set) var seen: Set<String> = []
    private var trace: [String] = []
    // The client.
    private(set) var requests: [Sent] = []
    private(set) var bytes: [UInt8] = []
    private(set) var isGarbled = false
    private(set) var hasEnded = false
    private var sent = 0
    private var received = 0
    private var isEndReported = false
    // The buffers. The input has the positions of its bytes in all that was received.
    private var input: [Int] = []
    private var output = 0
    private var isReading = true
    private var isWriting = false
    var listener = Listener.evhttp
    private var evhttp = Evhttp.reading
    /// Whether evhttp has taken a part of a request.
    private var isHalfRead = false
    // What libevent will call.
    private var endsTurn = false
    private var owes = false
    private var evhttpLooks = false
    // The handler.
    private(set) var served = 0
    private(set) var awaited: AnswerPath?
    private(set) var stream: Int?
    /// Whether a stream has ended because its client ended its sending.
    private var isCut = false
    // How it ends.
    private(set) var isClosed = false
    private(set) var isRefused = false
    private(set) var isForced = false
    private(set) var isDraining = false
    /// Whether the last answer says that the connection ends.
    private var isAnnounced = false
    private var now: Int64 = 0

    init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix64(seed: seed)
        isSecure = Int.random(in: 0..<4, using: &random) == 0
        longestPause = Int.random(in: 0..<6, using: &random) == 0 ? 100_000 : 1_000
        self.random = random
        var limits = RequestLimits()
        limits.body = 400
        machine = ConnectionMachine(limits: limits, isSecure: isSecure, now: 0)
        write()
        guard chance(20) else {
            machine.begin()
            return
        }
        note("refused at the door")
        isForced = true
        carryOut(machine.refuseAtOnce(Refusal(.serviceUnavailable, "too many")))
    }

    func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &random) == 0 }

    func fail(_ what: String) {
        if complaint == nil { complaint = "seed \(seed): \(what); \(trace.suffix(40).joined(separator: ", "))" }
    }

    func note(_ what: String) {
        trace.append(what)
        seen.insert(String(what.prefix { !$0.isNumber }))
    }

    /// What the client is going to send.
    private func write() {
        let isMany = chance(12)
        let padding = String(repeating: "x", count: isMany ? 200 : 0)
        for number in 0..<(isMany ? 150 : Int.random(in: 0...8, using: &random)) {
            let isOld = chance(8)
            let closes = chance(isMany ? 200 : 12)
            let isHead = chance(6)
            let body = isHead || chance(2) ? 0 : Int.random(in: 1...(isMany ? 20 : 400), using: &random)
            if chance(8) { bytes += Array("\r\n".utf8) }
            let keeps = !closes && (isOld ? chance(2) : chance(8))
            var head =
                "\(isHead ? "HEAD" : body == 0 ? "GET" : "POST") /\(number) HTTP/1.\(isOld ? 0 : 1)\r\nHost: a\r\n"
            if isMany { head += "Padding: \(padding)\r\n" }
            if closes { head += "Connection: close\r\n" } else if keeps { head += "Connection: keep-alive\r\n" }
            let content = [UInt8](repeating: UInt8(ascii: "b"), count: body)
            if body == 0 {
                bytes += Array("\(head)\r\n".utf8)
            } else if isOld || chance(2) {
                bytes += Array("\(head)Content-Length: \(body)\r\n\r\n".utf8) + content
            } else {
                bytes += Array("\(head)Transfer-Encoding: chunked\r\n\r\n\(String(body, radix: 16));a=b\r\n".utf8)
                bytes += content + Array("\r\n0\r\n\r\n".utf8)
            }
            requests.append(
                Sent(
                    target: "/\(number)", isHead: isHead, isOld: isOld, closes: closes || isOld && !keeps,
                    end: bytes.count))
        }
        if chance(4) {
            isGarbled = true
            bytes += Array("no request at all\n".utf8)
        } else if chance(4) {
            bytes += Array("GET /cut HTTP/1.1\r\nHo".utf8)
        }
    }

    // MARK: - The client

    func send() {
        guard sent < bytes.count else { return }
        sent = min(
            bytes.count,
            sent + Int.random(in: 1...[1, 5, 60, 4_000][Int.random(in: 0..<4, using: &random)], using: &random))
    }

    func sendAll() { sent = bytes.count }

    func endSending() { if sent == bytes.count { hasEnded = true } }

    func vanish() {
        guard !isClosed, listener == .connection else { return }
        note("lost")
        isForced = true
        carryOut(machine.lost())
    }

    // MARK: - libevent

    /// Reads what has come, if reading is on, and calls back.
    func read() {
        // What was asked for in this turn comes first.
        guard !isClosed, isReading, !endsTurn, !owes, !evhttpLooks else { return }
        let most = machine.mostInput(bound: Self.bound, slack: 64)
        guard most == 0 || input.count < most else { return }
        guard received < sent else { return readEnd() }
        if case .answering(let answers) = machine.state, answers.way == .rest {
            fail("it reads while answers are stuck")
        }
        let room = most == 0 ? 16_384 : min(16_384, most - input.count)
        let count = min(sent - received, room)
        note("\(count) bytes")
        // OpenSSL may report the client's end before libevent passes on what it has read after a part of a request.
        if listener == .delaying, hasEnded, received + count == bytes.count, chance(2) {
            (isReading, isWriting, isEndReported) = (false, false, true)
            note("delayed end")
            carryOut(machine.clientEndSeen())
        }
        let piece = Array(bytes[received..<received + count])
        input += received..<received + count
        received += count
        let directives = machine.received(count, of: input.count) { $0.feed(piece.span) }
        if directives.contains(.excise) {
            note("excision")
            let excisions = machine.takeExcisions()
            input.removeAll { position in excisions.contains { $0.contains(position) } }
        }
        carryOut(directives)
        if directives.contains(.answerFast) { answerFast() }
        if !input.isEmpty { evhttpReads() }
    }

    private func readEnd() {
        guard hasEnded, received == bytes.count, isReading, !isEndReported, !isClosed else { return }
        isReading = false
        // Over TLS libevent stops writing as well.
        if isSecure { isWriting = false }
        isEndReported = true
        switch listener {
        case .connection:
            note("end")
            carryOut(machine.clientEnded())
        case .delaying:
            note("delayed end")
            carryOut(machine.clientEndSeen())
        case .evhttp:
            note("end, seen by evhttp")
            guard case .reading = evhttp else { return fail("evhttp learns of the end while it holds a request") }
            if machine.parser.completeRequests > 0 {
                fail("the end costs the client \(machine.parser.completeRequests) answers")
            }
            if case .refusing = machine.state { fail("the end costs the client a refusal") }
            close()
        }
    }

    /// Writes a part of the output, if writing is on, and calls back.
    func flush(atMost most: Int) {
        guard !isClosed, isWriting, output > 0 else { return }
        let count = min(most, output)
        output -= count
        note("wrote \(count)")
        guard output == 0 else { return chance(8) ? lateReport() : () }
        guard listener != .connection else { return carryOut(machine.written(waiting: 0)) }
        guard case .writing(let closes) = evhttp else { return }
        evhttp = .reading
        listener = .evhttp
        carryOut(machine.evhttpWrote(input: input.count, bound: Self.bound))
        if closes { return close() }
        isWriting = false
        isReading = true
        isEndReported = false
        evhttpLooks = !input.isEmpty
    }

    /// A report of something that was written before more was queued.
    private func lateReport() {
        if listener == .connection { carryOut(machine.written(waiting: output)) }
    }

    /// Calls back what was asked for in this turn.
    func endTurn() {
        if endsTurn {
            endsTurn = false
            let isWhole = !chance(3)
            let share = Double.random(in: 0...1, using: &random)
            var rest = output
            let directives = machine.writeAnswers {
                rest = isWhole ? 0 : rest - Int(Double(rest) * share)
                return rest
            }
            if isSecure, rest < output { isWriting = false }
            output = rest
            carryOut(directives)
        }
        if owes {
            owes = false
            var owed = machine.takeOwed()
            while let work = owed.takeNext(), !isClosed {
                carryOut(machine.perform(work, input: input.count, waiting: output, bound: Self.bound))
            }
        }
        if evhttpLooks {
            evhttpLooks = false
            evhttpReads()
        }
    }

    // MARK: - evhttp

    private func evhttpReads() {
        guard !isClosed, listener != .connection else { return }
        guard case .reading = evhttp else { return fail("evhttp gets bytes while it holds a request") }
        guard served < requests.count else { return input = [] }
        let end = requests[served].end
        let count = input.prefix { $0 < end }.count
        isHalfRead = isHalfRead || count > 0
        let isWhole = (input.prefix(count).last ?? -1) == end - 1
        input.removeFirst(count)
        guard isWhole else { return }
        isHalfRead = false
        evhttp = .holding
        isReading = false
        guard let head = machine.takeForEvhttp() else { return fail("evhttp has a request that the parser has not") }
        ask(head, .evhttp)
        carryOut(machine.returned { true })
        if awaited == nil, case .holding = evhttp, !isFinishing, !isClosed { fail("evhttp waits for nothing") }
    }

    // MARK: - The handler

    private func answerFast() {
        while let head = machine.takeFast() {
            if isHalfRead { fail("evhttp has a part of a request that goes past it") }
            let end = served < requests.count ? requests[served].end : 0
            input.removeFirst(input.prefix { $0 < end }.count)
            ask(head, .fast)
            let mayGoOn = !chance(6)
            let directives = machine.returned { mayGoOn }
            carryOut(directives)
            guard directives.contains(.answerFast) else { return }
        }
    }

    private func ask(_ head: RequestHead, _ path: AnswerPath) {
        note("asked \(path == .fast ? "past evhttp" : "by evhttp")")
        guard served < requests.count else { return fail("a request is served that was never sent") }
        if awaited != nil { fail("a request is served before the one before it is answered") }
        if isRefused { fail("a request is served after a refusal") }
        if isAnnounced { fail("a request is served after the last answer") }
        if !head.target.elementsEqual(requests[served].target.utf8) { fail("a request is served out of order") }
        served += 1
        awaited = path
        if chance(2) { answerAwaited() }
    }

    /// The handler answers, at once or later, or begins a stream or goes on with it.
    func answerAwaited() {
        guard let path = awaited, !isClosed else { return }
        if let stream { return goOn(stream) }
        if chance(4) { return beginStream() }
        awaited = nil
        let count = [20, 300, 3_000][Int.random(in: 0..<3, using: &random)]
        note("answer of \(count)")
        switch path {
        case .fast:
            if output == 0, !isSecure, machine.isOnlyReplyKept, chance(2) {
                let left = chance(2) ? 0 : Int.random(in: 1...count, using: &random)
                note("answer at once")
                isAnnounced = isDraining
                output += left
                return carryOut(machine.answerKept(left: left))
            }
            guard let directives = machine.answerFast() else { return fail("nobody waits for an answer") }
            isAnnounced = isDraining
            output += count
            carryOut(directives)
        case .evhttp:
            guard let directives = machine.answerByEvhttp() else {
                return fail("nobody waits for an answer of evhttp's")
            }
            carryOut(directives)
            if listener == .connection { fail("evhttp answers, and does not learn that it is written") }
            isAnnounced = isDraining || requests[served - 1].closes
            evhttp = .writing(closes: isAnnounced)
            listener = .evhttp
            output += count
            isWriting = true
            isReading = false
        }
    }

    private func beginStream() {
        guard let (number, path, directives) = machine.beginStream() else { return fail("nobody waits for a stream") }
        note("stream \(path == .fast ? "past evhttp" : "by evhttp")")
        if path != awaited { fail("a stream on the wrong path") }
        stream = number
        isAnnounced = isDraining || path == .evhttp
        output += 50
        carryOut(directives)
        if requests[served - 1].isHead { endStream(number) }
    }

    private func goOn(_ number: Int) {
        guard chance(2) else {
            note("piece")
            // The socket takes it, or a part of it, where nothing waits before it.
            if machine.isStreaming(number), output > 0 || chance(2) {
                output += Int.random(in: 1...200, using: &random)
            }
            return
        }
        endStream(number)
    }

    private func endStream(_ number: Int) {
        note("stream's end")
        stream = nil
        awaited = nil
        guard machine.isStreaming(number) else {
            isCut = true
            return
        }
        output += 5
        isAnnounced = isAnnounced || isDraining
        carryOut(machine.endStream(number))
    }

    // MARK: - The server

    func drain() {
        guard !isDraining, !isClosed else { return }
        note("drain")
        isDraining = true
        carryOut(machine.drain())
    }

    func sweep(after milliseconds: Int64) {
        guard !isClosed else { return }
        now += milliseconds
        let overdue = machine.overdue(at: now, Self.deadlines, waiting: output, isEstablished: true)
        if overdue != nil, machine.isCalm, output == 0 { fail("who is passed over is late") }
        guard let overdue, overdue != .idle || received == sent else { return }
        note("late: \(overdue)")
        isForced = true
        switch overdue {
        case .idle: close()
        case .header, .request:
            if awaited != nil || output > 0 { fail("who waits for an answer is late with a request") }
            carryOut(machine.refuse(Refusal(.requestTimeout, "late")))
        case .answer, .leaving: close()
        }
    }

    // MARK: - Directives

    private func carryOut(_ directives: ConnectionDirectives) {
        guard !directives.isEmpty, !isClosed else { return }
        if directives.isSuperset(of: [.startReading, .stopReading])
            || directives.isSuperset(of: [.startWriting, .stopWriting])
            || directives.isSuperset(of: [.takeCallbacks, .returnCallbacks])
        {
            fail("contradicting directives")
        }
        if directives.contains(.discardInput) { input = [] }
        if directives.contains(.takeCallbacks) { listener = .connection }
        if directives.contains(.returnCallbacks) { listener = .evhttp }
        if directives.contains(.delayEnd), listener == .evhttp { listener = .delaying }
        if directives.contains(.stopReading) { isReading = false }
        if directives.contains(.stopWriting) { isWriting = false }
        if directives.contains(.startReading) {
            isReading = true
            isEndReported = false
        }
        if directives.contains(.startWriting) { isWriting = true }
        if directives.contains(.writeAtEndOfTurn) {
            if endsTurn { fail("the end of the turn is asked for twice") }
            endsTurn = true
        }
        if directives.contains(.lookAgain), !input.isEmpty { evhttpReads() }
        if directives.contains(.tellRefusal) { tellRefusal() }
        if directives.contains(.endSending) { note("end of sending") }
        if directives.contains(.drainStream) {
            note("drained stream")
            if let stream { endStream(stream) } else { fail("there is no stream to drain") }
        }
        if directives.contains(.later) {
            if owes { fail("a turn of its own is asked for twice") }
            owes = true
        }
        if directives.contains(.closeIfIdle), output == 0, received == sent {
            note("closed when idle")
            isAnnounced = true
            close()
        }
        if directives.contains(.close) { close() }
        if directives.contains(.settle) { carryOut(machine.settle(input: input.count, bound: Self.bound)) }
    }

    private func tellRefusal() {
        note("refusal")
        if awaited != nil || output > 0 { fail("a refusal overtakes an answer") }
        if !isGarbled, !isForced { fail("a good request is refused") }
        isRefused = true
        listener = .connection
        output += 100
        (isReading, isWriting, isEndReported) = (true, true, false)
    }

    private func close() {
        guard !isClosed else { return }
        note("closed")
        isClosed = true
        if machine.isRequestHeld != (awaited == .evhttp || isFinishing) {
            fail("evhttp's request is lost or freed twice")
        }
        machine.closed()
        guard !isForced else { return }
        let isStreamOver = stream != nil || isCut
        if output > 0, !isStreamOver { fail("\(output) bytes are lost") }
        if awaited != nil, !isStreamOver { fail("a request is lost") }
        if isAnnounced || isRefused { return }
        if !hasEnded { fail("it ends without a reason") }
        if isStreamOver { return }
        if served < requests.count { fail("\(requests.count - served) requests are lost") }
        if isGarbled { fail("what is no request was not refused") }
    }

    private var isFinishing: Bool {
        if case .finishing(.evhttp) = machine.state { true } else { false }
    }
}
