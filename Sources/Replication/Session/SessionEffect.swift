// What comes of a session's frames, for the node to act on: bytes to send on this link, and what it has learned.

import Catalog

enum SessionEffect {
    case send([UInt8])
    case sentChanges(Int)
    /// A copy has been sent to its end.
    case copySent
    /// The subscriber was too slow: its changes are dropped until it gets a copy.
    case overflowed
    /// A whole copy is merged.
    case copied(CopySummary, duration: Duration)
    case copyFailed
    /// So many changes have come in.
    case heard(States)
    case relayHeard(States)
    /// Of the states that are not the other end's own changes, these were new to this member.
    case dirtyShards([Replicated])
    /// States that we lacked were brought.
    case repaired(Int)
}
