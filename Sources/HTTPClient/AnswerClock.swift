// How long an answer has taken, by what it is at: pure, so that tests own the time. evhttp's own timeouts start anew with
// each byte, and a server that sends one now and then would hold a request for ever.

/// What an exchange waits for.
package enum AnswerPhase: Sendable, Equatable {
    /// A look-up of the name, the connection, the TLS handshake.
    case connection
    case head
    case body

    /// What did not come in time.
    var phrase: String {
        switch self {
        case .connection: "the connection was not made"
        case .head: "the answer did not begin"
        case .body: "the answer did not go on"
        }
    }
}

/// Which deadline has passed, and when.
package struct Lateness: Sendable, Equatable {
    package enum Cause: Sendable, Equatable {
        case phase(AnswerPhase)
        /// The whole answer.
        case whole
    }

    package let cause: Cause
    /// The deadline, in milliseconds.
    package let milliseconds: Int

    /// A sentence without a full stop.
    package var sentence: String {
        switch cause {
        case .phase(let phase): "\(phase.phrase) within \(milliseconds) ms"
        case .whole: "the answer was not complete within \(milliseconds) ms"
        }
    }
}

/// The deadlines of one exchange. Moments are in milliseconds of a clock that never steps.
struct AnswerClock {
    private var deadlines: AnswerDeadlines
    private let began: Int64
    private(set) var phase = AnswerPhase.connection
    /// When the phase began; in the body, when its last byte came.
    private var since: Int64

    init(_ deadlines: AnswerDeadlines, at now: Int64) {
        self.deadlines = deadlines
        (began, since) = (now, now)
    }

    mutating func enter(_ phase: AnswerPhase, at now: Int64) {
        self.phase = phase
        since = now
    }

    /// Bytes of the body have come.
    mutating func heard(at now: Int64) { if phase == .body { since = now } }

    /// From now on the body may be silent for so many milliseconds.
    mutating func limitSilence(to milliseconds: Int) { deadlines.silence = milliseconds }

    /// What is overdue at `now`.
    func lateness(at now: Int64) -> Lateness? {
        let limit: Int? =
            switch phase {
            case .connection: deadlines.connect
            case .head: deadlines.head
            case .body: deadlines.silence
            }
        if let limit, now - since >= limit { return Lateness(cause: .phase(phase), milliseconds: limit) }
        if let whole = deadlines.whole, now - began >= whole { return Lateness(cause: .whole, milliseconds: whole) }
        return nil
    }
}
