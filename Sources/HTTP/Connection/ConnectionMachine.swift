// One HTTP/1 connection as a value. It is told what happens (bytes have come, the handler has answered, evhttp has
// written, the client has ended) and returns what to do. It has no socket, no clock and no evhttp, so a test can take
// it through any order of events; `Libevent/Connection.swift` carries out what it says.
//
// evhttp is one of its states. The parser checks and frames every byte before evhttp sees it. A request that has
// arrived whole, on a connection with which evhttp has nothing to do, is answered without evhttp (the fast path);
// evhttp reads everything else, and its callbacks are events here.

/// The state machine of one connection.
package struct ConnectionMachine: ~Copyable {
    /// How many bytes a client may send after a refusal.
    static let lingerBytes = 1 << 20
    /// How many bytes may come in after a complete request: requests wait as values that take more room than the
    /// shortest of their bytes.
    static let pipelinedBytes = 16_384

    var state = ConnectionState.opening
    package private(set) var parser: RequestParser
    var clock: ConnectionClock
    private let limits: RequestLimits
    let isSecure: Bool
    /// Answers that have been written, and parts of streamed ones: what the clock knows an answer by.
    var answersWritten = 0
    var streams = 0
    /// Whether the end of the client's sending has been read, which libevent reports once only. The client may still
    /// wait for answers.
    package internal(set) var hasClientEnded = false
    /// Whether the server stops: every answer from now on ends the connection.
    package private(set) var isDraining: Bool
    /// Whether reading stops early, because a complete request waits. Invariant: not over TLS.
    var readsLess = false
    private(set) var owed: OwedWork = []

    /// A connection that was made `now`, in milliseconds that never decrease.
    package init(
        limits: RequestLimits, bodyRule: BodyRule? = nil, isSecure: Bool = false, isDraining: Bool = false, now: Int64
    ) {
        self.limits = limits
        self.isSecure = isSecure
        self.isDraining = isDraining
        parser = RequestParser(limits: limits, bodyRule: bodyRule)
        clock = ConnectionClock(now: now)
    }

    // MARK: - The beginning and the end

    /// The connection is admitted, and HTTP begins.
    package mutating func begin() {
        if case .opening = state { state = .reading }
    }

    /// The connection itself is refused, before evhttp has seen a byte.
    package mutating func refuseAtOnce(_ refusal: Refusal) -> ConnectionDirectives {
        guard case .opening = state else { return [] }
        parser.refuse(refusal.status, refusal.sentence)
        state = .refusing(RefusedInput(isForLimit: true))
        return .tellRefusal
    }

    /// The request that is arriving is refused, because its time is up. Not while one is being answered.
    package mutating func refuse(_ refusal: Refusal) -> ConnectionDirectives {
        guard case .reading = state, parser.completeRequests == 0, parser.refusal == nil else { return [] }
        parser.refuse(refusal.status, refusal.sentence)
        return refuseIfCaughtUp(isForLimit: true)
    }

    /// The connection was lost: nothing can be read or written any more.
    package func lost() -> ConnectionDirectives { .close }

    /// Memory is short, or what is in the input is not what was received: nothing good can follow.
    package mutating func failed() -> ConnectionDirectives { [.discardInput, owe(.close)] }

    /// evhttp frees the connection.
    package mutating func closed() {
        state = .closed
        owed = []
    }

    /// The server stops. A streamed answer ends, and whoever keeps a reply may give it; a connection that has nothing to do is closed; the others end with
    /// their next answer.
    package mutating func drain() -> ConnectionDirectives {
        isDraining = true
        switch state {
        case .reading: return parser.isIdle ? .closeIfIdle : []
        case .waiting: return .drainReply
        case .streaming: return .drainStream
        default: return []
        }
    }

    // MARK: - Bytes

    /// `count` bytes have come, the newest of the `input` that is in the buffer; `feed` passes them to the parser.
    package mutating func received(
        _ count: Int, of input: Int, feed: (inout RequestParser) -> Void
    ) -> ConnectionDirectives {
        let isAlone: Bool
        switch state {
        case .opening, .closed: return []
        case .refusing(var refused):
            defer { state = .refusing(refused) }
            return discard(count, &refused)
        case .lingering(var refused):
            defer { state = .lingering(refused) }
            return discard(count, &refused)
        case .reading: isAlone = count == input && !isDraining && parser.isIdle
        default: isAlone = false
        }
        let limit = parser.bodyLimit
        feed(&parser)
        var directives: ConnectionDirectives = isAlone && parser.isNextSelfContained ? .answerFast : .settle
        if parser.bodyLimit != limit { directives.insert(.boundInput) }
        if parser.hasExcisions { directives.insert(.excise) }
        return directives
    }

    private mutating func discard(_ count: Int, _ refused: inout RefusedInput) -> ConnectionDirectives {
        let before = refused.discarded
        refused.discarded += count
        // At once: of a TLS record the rest may come in the very turn in which its beginning was refused, while
        // evhttp's callbacks are still set.
        guard before <= Self.lingerBytes, refused.discarded > Self.lingerBytes else { return .discardInput }
        return [.discardInput, .stopReading, owe(.close)]
    }

    /// What evhttp must not see of what came, as ranges of all that was received.
    package mutating func takeExcisions() -> [Range<Int>] {
        let excisions = parser.takeExcisions()
        // What follows from a refusal is discarded as a whole.
        return parser.refusal == nil || parser.completeRequests > 0 ? excisions : []
    }

    /// What came has been passed on as far as it can be, and `input` bytes are left. `bound`: as many as may be while a
    /// reply is awaited.
    package mutating func settle(input: Int, bound: Int) -> ConnectionDirectives {
        var directives = refuseIfCaughtUp()
        if isSecure {
            if isServing, isFull(input, bound) { directives.insert(.stopReading) }
            // libevent may report the client's end before it passes on the bytes read before it, and evhttp would close
            // although these bytes complete a request, or are to be refused.
            if !parser.isIdle, parser.completeRequests == 0 { directives.insert(.delayEnd) }
        } else if !readsLess, isServing, parser.completeRequests > 0, isFull(input, bound) {
            readsLess = true
            directives.insert(.boundInput)
        }
        return directives
    }

    /// Whether enough was read: a complete request waits and a good deal after it, or as much as may while a reply is
    /// awaited.
    func isFull(_ input: Int, _ bound: Int) -> Bool {
        parser.completeRequests > 0 && input >= Self.pipelinedBytes || isReplyAwaited && input >= bound
    }

    /// The most bytes that are buffered before reading stops; 0 is no bound. A bound is not for TLS: one that is
    /// reached in the middle of a record leaves the rest in OpenSSL, where no socket event reports it. evhttp takes a
    /// declared body as a whole, so the input must have room for it.
    ///
    /// - Parameters:
    ///   - bound: of the bytes that the limits in force grant.
    ///   - slack: what evhttp needs beyond the parser's limits.
    package func mostInput(bound: Int, slack: Int) -> Int {
        if isSecure { return 0 }
        if readsLess { return Self.pipelinedBytes }
        return parser.bodyLimit > limits.body ? max(bound, limits.head + parser.bodyLimit + slack) : bound
    }

    // MARK: - Requests

    /// The next request that the handler is to be asked, if the fast path can take it. Only within the turn of
    /// `answerFast`; `returned` is to be called after the handler.
    package mutating func takeFast() -> RequestHead? {
        let answers: FastAnswers
        switch state {
        case .reading: answers = FastAnswers()
        case .answering(let given) where given.way == .open: answers = given
        default: return nil
        }
        guard parser.isNextSelfContained, let head = parser.takeRequest() else { return nil }
        state = .asking(.fast, answers)
        return head
    }

    /// The head of the request that evhttp has read; nil when by the parser's judgment there is none. `returned` is to
    /// be called after the handler.
    package mutating func takeForEvhttp() -> RequestHead? {
        let answers: FastAnswers
        switch state {
        case .reading: answers = FastAnswers()
        case .answering(let given) where given.way == .open: answers = given
        default: return nil
        }
        guard let head = parser.takeRequest() else { return nil }
        state = .asking(.evhttp, answers)
        return head
    }

    /// The handler has returned, and has answered or kept its reply. `mayGoOn` says whether the next request may be
    /// answered in the same turn: enough may wait for the client, and other clients for their turn. Then evhttp gets
    /// the rest, which asks epoll between any two answers.
    package mutating func returned(mayGoOn: () -> Bool) -> ConnectionDirectives {
        switch state {
        case .asking(let path, var answers):
            answers.way = .held
            state = .waiting(path, answers)
            var directives: ConnectionDirectives = path == .fast ? [.takeCallbacks, .settle] : .takeCallbacks
            // evhttp has turned it off. Past evhttp it is on, but over TLS it may be off for another reason.
            if !hasClientEnded, path == .evhttp || isSecure { directives.insert(.startReading) }
            return directives
        case .answering(var answers) where answers.way == .open:
            // Most requests come alone.
            if parser.isIdle { return [] }
            guard parser.completeRequests > 0 else { return .settle }
            if mayGoOn() { return parser.isNextSelfContained ? .answerFast : .settle }
            answers.way = .held
            state = .answering(answers)
            return [.takeCallbacks, .stopReading, .settle]
        case .answering: return .settle
        case .streaming(let body, _) where body.path == .fast: return .settle
        default: return []
        }
    }

    // MARK: - Turns of their own

    /// What is owed, in whose own turn this is called.
    package mutating func takeOwed() -> OwedWork {
        defer { owed = [] }
        return owed
    }

    /// Does one thing that was owed. `input` and `waiting` are what the buffers have.
    package mutating func perform(_ work: OwedWork, input: Int, waiting: Int, bound: Int) -> ConnectionDirectives {
        switch (work, state) {
        case (_, .closed): []
        case (.close, _): .close
        case (.refusal, .refusing): .tellRefusal
        case (.anotherLook, _): .lookAgain
        case (.lessReading, _): isServing && isFull(input, bound) ? .stopReading : []
        case (.streamEnd, _): endFinishedStream(waiting: waiting)
        case (.clientEnd, _): lookForEnd()
        default: []
        }
    }

    mutating func owe(_ work: OwedWork) -> ConnectionDirectives {
        defer { owed.insert(work) }
        return owed.isEmpty ? .later : []
    }

    /// Refuses what cannot be read, once all before it is answered. Never from within evhttp's own code, which may set
    /// its callbacks again on the way out.
    mutating func refuseIfCaughtUp(isForLimit: Bool = false) -> ConnectionDirectives {
        guard parser.refusal != nil, parser.completeRequests == 0 else { return [] }
        switch state {
        case .reading:
            state = .refusing(RefusedInput(isForLimit: isForLimit))
            // Nothing of it is for evhttp, which looks at the input next.
            return [.discardInput, owe(.refusal)]
        case .answering, .waiting(.fast, _): return .discardInput
        case .streaming(let body, _) where body.path == .fast: return .discardInput
        default: return []
        }
    }

    // MARK: - How it stands

    /// Whether requests are read and answered.
    var isServing: Bool {
        switch state {
        case .opening, .refusing, .lingering, .closed: false
        default: true
        }
    }

    /// Whether the handler keeps a reply of this connection, or streams one.
    package var isReplyAwaited: Bool {
        switch state {
        case .waiting, .streaming, .finishing(.evhttp), .asking(.evhttp, _): true
        default: false
        }
    }

    /// Whether evhttp holds a request that it has not been given an answer to: then freeing the connection must leave
    /// the request to its holder.
    package var isRequestHeld: Bool {
        switch state {
        case .asking(.evhttp, _), .waiting(.evhttp, _), .finishing(.evhttp): true
        case .streaming(let body, _): body.path == .evhttp
        default: false
        }
    }

    /// Whether what is being refused is refused for a limit.
    package var isRefusedForLimit: Bool {
        switch state {
        case .refusing(let refused), .lingering(let refused): refused.isForLimit
        default: false
        }
    }
}
