// What a handler says of a call: its answer, what that waits for, or an answer whose body goes on. Most calls are
// answered at once, and cost nothing for those that are not; one that waits is kept as a value with the way to go on,
// so that no thread ever stands still for it.

package import Catalog
package import HTTP
package import Replication
package import Time

/// What a handler returns.
package enum Reply {
    case now(Response)
    case later(Waiting)
    /// The head is sent at once, and the body piece by piece. The body of the response is not sent.
    case stream(Response, first: StreamStep)
}

extension Reply {
    /// Goes on with the response, once that is there. A refusal and a stream are left as they are.
    package func then(
        _ call: borrowing Call,
        _ next: @escaping (_ call: borrowing Call, _ response: Response) throws(Refused) -> Reply
    ) throws(Refused) -> Reply {
        switch self {
        case .now(let response): try next(call, response)
        case .later(let waiting):
            .later(
                Waiting(for: waiting.cause) { (call, wake) throws(Refused) in
                    try waiting.resume(call, wake).then(call, next)
                })
        case .stream: self
        }
    }
}

/// An answer that is to come.
package struct Waiting {
    /// Goes on with the call; it may wait again. What it does in one go holds up all that the loop serves: a few
    /// milliseconds at most.
    package typealias Resumption = (_ call: borrowing Call, _ wake: Wake) throws(Refused) -> Reply

    package let cause: WaitCause
    let resume: Resumption

    package init(for cause: WaitCause, resume: @escaping Resumption) {
        self.cause = cause
        self.resume = resume
    }
}

/// A piece of a body that goes on.
package enum StreamStep {
    /// Sends these bytes, of which there may be none, and waits. The next piece is not asked for before there is room
    /// for this one, so a producer makes it of the state at that time, however slow the client is.
    case piece(StreamPiece, then: StreamWaiting)
    /// Sends these bytes, and ends the answer.
    case last(StreamPiece)
}

/// The piece of a body that is to come.
package struct StreamWaiting {
    /// Makes the next piece, in a few milliseconds at most. Once it is woken by `draining` or `tooMany` its piece is
    /// the last, whatever it says. When the client goes it is asked no more.
    package typealias Continuation = (_ call: borrowing Call, _ wake: Wake) -> StreamStep

    let cause: WaitCause
    let next: Continuation

    package init(for cause: WaitCause, next: @escaping Continuation) {
        self.cause = cause
        self.next = next
    }
}

/// What a call waits for.
package enum WaitCause: Sendable, Equatable {
    /// That the other members have what this loop has changed so far.
    case acknowledgments
    /// What the other members know of these ids, of which there is at least one.
    case questions([StateKey])
    /// The next turn of the loop, for work that goes in steps. Others get their turn before.
    case turn
    /// A list that is being rendered on a render thread.
    case rendering(RenderJob)
    /// A time, this long from now.
    case time(Duration)
    /// What the issuer of tokens says of its keys, or this time without an answer.
    case issuer(until: MonotonicTime)
    /// A change of a namespace or a service, or this time without one (`Watch.swift`).
    case change(ChangeWatch, until: MonotonicTime)
}

extension WaitCause {
    /// Whether it waits for a change.
    var isChange: Bool { if case .change = self { true } else { false } }
}

/// What a call waits for to change.
package struct ChangeWatch: Sendable, Equatable {
    package let namespace: Namespace
    /// Nil: anything in the namespace.
    package let service: Name?
    /// The state that the caller knows; another one is a change.
    package let revision: Revision

    package init(namespace: Namespace, service: Name? = nil, revision: Revision) {
        self.namespace = namespace
        self.service = service
        self.revision = revision
    }
}

/// Why a call goes on.
package enum Wake: Sendable, Equatable {
    /// What it waited for has come: the acknowledgments, a true answer to the question, its turn, its time.
    case come
    /// It has not come in time, or the answer is not sure.
    case timeUp
    /// It does not wait at all, because as many wait as may.
    case tooMany
    /// Its client has gone while it waited, or, where it waited for a change, has ended its sending. In the first case its
    /// result is sent to no client.
    case clientGone
    /// The server stops: a streamed answer may say a last word, and one that waits for a change is given as it is.
    case draining
}
