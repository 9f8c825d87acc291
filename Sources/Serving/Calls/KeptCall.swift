// A call between its request and its answer. Made only for calls that wait.

package import HTTP
package import Libevent
import Time

/// A call that waits, with all that its answer takes. Belongs to its loop's thread.
package final class KeptCall {
    /// How it goes on.
    package enum Next {
        /// Who asks is not known yet, since the credential takes longer than most: what it waits for.
        case admission(WaitCause)
        /// Its answer is waited for.
        case reply(Waiting)
        /// Its answer is a stream, whose head is to be sent.
        case stream(StreamStep)
        /// The next piece of its answer is waited for.
        case piece(StreamWaiting)
        /// It is answered. What it held is let go of, such as its place among those who wait for a change.
        case over
    }

    package var call: Call
    package var next: Next
    /// By which the table of waiters has it; 0 when it has not.
    var ticket: UInt64 = 0
    /// When the table tells of it. Where it waits for a change, that may be before `deadline`, which counts.
    var alarm = MonotonicTime.distantFuture
    /// Until when it waits for a change.
    var deadline = MonotonicTime.distantFuture
    /// Its number of those who wait for changes; 0 when it does not. Invariant: `next` has what it waits for.
    var watchNumber: UInt64 = 0
    /// The number of its present wait. What comes for an earlier one is no news any more.
    var wait: UInt64 = 0
    /// Whether it is held until something changes, and counted as such (`WatchCount`).
    var isWatch = false
    /// The client of the answer; nil where there is no transport, and once it was sent.
    package var reply: PendingReply?
    /// What stands for it at the list that it waits for.
    package var rendering: UInt64?

    /// The head of a streamed answer, and the request's identity in it. Invariant: not nil from `Next.stream` on.
    var head: (response: Response, id: RequestID)?
    /// The body of a streamed answer, until it ends.
    var stream: StreamReply?
    /// Bytes of it that have been sent.
    var sent = 0

    package init(_ call: consuming Call, _ next: Next) {
        self.call = call
        self.next = next
    }

    /// Whether the next piece of a streamed answer is waited for.
    var isStreamed: Bool { if case .piece = next { true } else { false } }

    /// What it waits for.
    package var cause: WaitCause {
        switch next {
        case .admission(let cause): cause
        case .reply(let waiting): waiting.cause
        case .stream, .over: .turn
        case .piece(let waiting): waiting.cause
        }
    }

    /// Whether a client still waits for the answer, as far as is known.
    var hasClient: Bool { reply?.hasClient ?? true }
}

/// How a call stands after the handler was asked.
package enum CallProgress {
    /// It is answered.
    case answered(Response)
    /// It waits; to be resumed.
    case waits(KeptCall)
}

/// Whether a call may wait before it is known who asks.
enum AdmissionWait {
    case may
    /// It may ask again.
    case mayNot
    /// It has waited for the issuer, whose word is the last.
    case isOver
}
