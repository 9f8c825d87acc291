// What a sweep of the clock finds of a connection, and what a test finds after each event.

extension ConnectionMachine {
    /// Stands for the number of a request in a TLS handshake, which has as long as a head.
    private static let handshake = -1

    /// Looks at the clock, which never goes back; returns the deadline that has passed, if one has.
    ///
    /// - Parameters:
    ///   - waiting: bytes of answers that wait for the client.
    ///   - isEstablished: whether requests can be read, since a TLS handshake is done or there is none.
    package mutating func overdue(
        at now: Int64, _ deadlines: Deadlines, waiting: Int, isEstablished: Bool
    ) -> Overdue? {
        clock.observe(activity(waiting: waiting, isEstablished: isEstablished), at: now, deadlines)
    }

    /// Whether an answer waits, of which the client took nothing between the last two sweeps.
    package var isStuck: Bool { clock.isStuck }

    /// Whether no deadline can pass before something happens, as long as nothing waits for the client: a kept reply, or a
    /// stream, whose sender has the next word.
    package var isCalm: Bool {
        switch state {
        case .waiting(_, let answers), .streaming(_, let answers): answers.count == 0 && !hasClientEnded
        default: false
        }
    }

    private func activity(waiting: Int, isEstablished: Bool) -> Activity {
        guard isServing else { return .leaving }
        guard isEstablished else { return .head(of: Self.handshake) }
        guard case .reading = state else { return .answer(after: answersWritten, waiting: waiting) }
        // evhttp has yet to take a complete request. Should it never do so, that is no reason to wait for ever.
        guard parser.completeRequests == 0 else { return .answer(after: answersWritten, waiting: max(waiting, 1)) }
        return parser.activity
    }

    // MARK: - Invariants

    /// Traps where what must always hold between two events does not. For tests.
    package func checkInvariants() {
        precondition(!readsLess || !isSecure, "a bound that TLS does not have")
        switch state {
        case .opening: precondition(parser.bytesFed == 0, "bytes were read before the protocol began")
        case .reading:
            precondition(parser.refusal == nil || parser.completeRequests > 0, "a refusal that nobody is told")
        case .asking: preconditionFailure("the handler was left without an answer and without its reply")
        case .answering(let answers): precondition(answers.count > 0, "nothing is answered")
        case .waiting(_, let answers), .streaming(_, let answers):
            precondition(answers.way != .open, "evhttp learns of what comes while a reply is kept")
            precondition(answers.way != .rest || answers.count > 0, "libevent writes nothing")
        case .writing(let before): precondition(before >= 0, "fewer than no answers")
        case .refusing, .lingering: precondition(parser.refusal != nil, "a refusal without a reason")
        case .finishing: break
        case .closed: precondition(owed.isEmpty, "work is owed to a connection that has gone")
        }
    }
}
