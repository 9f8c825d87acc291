// What a handler says of a call: its answer, or what that waits for. Most calls are answered at once, and cost nothing
// for those that are not; one that waits is kept as a value with the way to go on, so that no thread ever stands still
// for it.

import Catalog
import HTTP
import Replication

/// What a handler returns.
package enum Reply {
    case now(Response)
    case later(Waiting)
}

/// An answer that is to come.
package struct Waiting {
    /// Goes on with the call; it may wait again. What it does in one go holds up all that the loop serves: a few
    /// milliseconds at most.
    typealias Resumption = (_ call: borrowing Call, _ wake: Wake) throws(Refused) -> Reply

    package let cause: WaitCause
    let resume: Resumption

    init(for cause: WaitCause, resume: @escaping Resumption) {
        self.cause = cause
        self.resume = resume
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
    /// A time, this many milliseconds from now.
    case time(milliseconds: Int64)
}

/// Why a call goes on.
enum Wake: Sendable, Equatable {
    /// What it waited for has come: the acknowledgments, a true answer to the question, its turn, its time.
    case come
    /// It has not come in time, or the answer is not sure.
    case timeUp
    /// It does not wait at all, because as many wait as may.
    case tooMany
    /// Its client has gone while it waited for its turn. Its result is sent to no client.
    case clientGone
}
