// A call between its request and its answer. Made only for calls that wait.

import HTTP
import Libevent

/// A call that waits, with all that its answer takes. Belongs to its loop's thread.
package final class KeptCall {
    package var call: Call
    package var waiting: Waiting
    /// By which its questions know it; 0 when it has none.
    var ticket: UInt64 = 0
    /// The client of the answer; nil where there is no transport, and once it was sent.
    package var reply: PendingReply?

    /// What stands for it at the list that it waits for.
    package var rendering: UInt64?

    package init(_ call: consuming Call, _ waiting: Waiting) {
        self.call = call
        self.waiting = waiting
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
