// What one connection is doing. Each state has the values that only it needs, so a value cannot contradict the state.
// Most requests go from `reading` through `asking` to `answering` and back within one turn of the loop.
//
//   opening ──refused by a limit──────────────────────────────────────────────────► refusing ──told──► lingering
//      │                                                                                ▲
//      │ the protocol begins                                                            │ a bad request, when all
//      ▼                                                                                │ before it are answered
//   reading ─┬─ whole, alone in the input ──► asking (fast) ───┬─ answered ─► answering ┴─► reading, or closed
//      ▲     └─ anything else: evhttp reads ► asking (evhttp) ─┤      │           ▲
//      │                                          │            │      ▼           │
//      │                                        kept           └──► writing ─► reading, or closed by evhttp
//      │                                          ▼                   ▲           ▲
//      │                                       waiting ── answered ───┴───────────┤
//      │                                          │                               │
//      │                                   first piece of a body                  │
//      │                                          ▼                               │ the fast path's
//      └───────────────────────────────────── streaming ── ended by its sender ───┤
//                                                                                 │ evhttp's
//                                                                                 └─────► finishing ──► closed
//
// Every state may end in `closed`: evhttp frees the connection when its client has gone, a deadline passes or the
// server stops.

/// What one connection is doing.
enum ConnectionState: Equatable {
    /// Its client is not known yet, and no byte has been looked at. A protocol that comes before HTTP, such as a PROXY
    /// header, would be read here.
    case opening
    /// Between two requests, or while one arrives: the parser knows which. evhttp reads what the fast path leaves.
    case reading
    /// The handler is being asked; so only within one call of it.
    case asking(AnswerPath, FastAnswers)
    /// Answers of the fast path are written, and no other is awaited.
    case answering(FastAnswers)
    /// evhttp writes an answer, and the fast path's unwritten ones before it.
    case writing(before: Int)
    /// The handler has kept the reply.
    case waiting(AnswerPath, FastAnswers)
    /// The head of an answer was sent, and its body is sent piece by piece.
    case streaming(StreamedBody, FastAnswers)
    /// A streamed answer has ended, and the connection ends with it once it is written.
    case finishing(AnswerPath)
    /// Nothing more is served, and the client is told why.
    case refusing(RefusedInput)
    /// The refusal was written and the sending side is shut. What the client still sends is discarded for a moment:
    /// closing at once would reset the connection under a client in mid-upload, and the answer would be lost with it
    /// (RFC 9112, section 9.6).
    case lingering(RefusedInput)
    /// evhttp has freed it.
    case closed
}

/// Which way a request has come, and its answer goes.
package enum AnswerPath: Sendable, Equatable {
    /// Past evhttp: the bytes were taken out of the input before evhttp looked there.
    case fast
    /// evhttp has read the request, and holds it until it is answered.
    case evhttp
}

/// The fast path's answers that are not written yet.
struct FastAnswers: Sendable, Equatable {
    /// How they are written, and what reaches evhttp meanwhile.
    enum Way: Sendable, Equatable {
        /// At the end of the turn; evhttp gets what comes.
        case open
        /// At the end of the turn; nothing reaches evhttp before that.
        case held
        /// libevent writes what the socket did not take at once. Nothing reaches evhttp, and nothing is read.
        case rest
    }

    var count = 0
    var way = Way.open
    /// Whether the newest says that the connection ends with it.
    var announcesEnd = false
}

/// An answer whose body is sent piece by piece.
struct StreamedBody: Sendable, Equatable {
    /// By which its sender knows it.
    let number: Int
    let path: AnswerPath
}

/// A connection that was refused something.
struct RefusedInput: Sendable, Equatable {
    /// Whether a limit was met, rather than that the bytes are no request.
    let isForLimit: Bool
    /// Bytes that came since, and were discarded.
    var discarded = 0
}

/// Why a streamed answer ends that its sender has not ended.
public enum AnswerEnd: Sendable, Equatable {
    /// The client has gone, has ended its sending, or has taken nothing for too long.
    case clientGone
    /// The server stops.
    case draining
}
