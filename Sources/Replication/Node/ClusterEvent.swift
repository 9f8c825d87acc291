// What a node reports for the log. An event is a change of state, so it comes once and not with every tick.

package import Catalog

package enum ClusterEvent: Sendable, Equatable {
    /// Subscribed to this member's changes.
    case joined(PeerAddress, MemberID)
    /// We no longer do.
    case lost(PeerAddress, MemberID, CloseReason?)
    case refused(PeerAddress, CloseReason)
    /// The other end let us not in.
    case refusedBy(PeerAddress, RefusalReason)
    /// All that membership names were reached, and none lets this member in, or is believed by it.
    case refusedByAll(RefusalReason, answersLookups: Bool)
    /// Look-ups are answered by what members have that were started together, though these refuse this one, and may
    /// have more.
    case startedBeside([PeerAddress], RefusalReason)
    /// These members are legacy peers, or may be, and did not subscribe to this one within
    /// `NodeConfiguration.syncTimeout`.
    case originalsOverdue([PeerAddress])
    /// Clients are answered though these members and this one do not wait for each other yet.
    case linkingOverdue([PeerAddress])
    case copied(from: PeerAddress, states: Int, milliseconds: Int64)
    /// A copy ended without being whole, and is asked for again.
    case copyFailed(from: PeerAddress)
    /// A subscriber was too slow: its queue was dropped, and it gets a copy when it can take one.
    case overflowed(PeerAddress)
    /// It has not acknowledged in time: clients are answered without it, until it has been prompt for a while.
    case leftOut(PeerAddress)
    case waitedForAgain(PeerAddress)
    /// It has sent notice that it answers clients before this member has their changes.
    case leftOutBy(PeerAddress)
    /// A comparison of digests found states that this member lacked.
    case repaired(from: PeerAddress, states: Int)
    /// Members have answered, but none has given its whole copy within `NodeConfiguration.syncTimeout`: it is waited
    /// for.
    case copyOverdue
    case ready(ReadinessGround)
    case clockWrong(milliseconds: Int64)
    case clockRight
    /// States that were stamped further ahead than any member accepts were stamped again.
    case restamped(states: Int)
    /// The clock of the only other member differs; with two it cannot be decided which one is wrong.
    case clocksDiffer(PeerAddress, milliseconds: Int64)
    case leasesHeld
    /// Leases go on after a pause; this many had run out meanwhile. Without peers this is unknown, and none expire.
    case leasesReleased(expired: Int)
    /// This many of the others are connected, too few to take the rest for dead: leases that were last renewed
    /// elsewhere are held for at most this long.
    case cutOff(heard: Int, others: Int, milliseconds: Int64)
    /// - restarts: whether these leases start again, because no member knows which heartbeats were sent meanwhile.
    case cutOffEnded(heard: Int, others: Int, restarts: Bool)
    case sizeUnmet(expected: Int, members: Int)
    case sizeMet(members: Int)
    case ourself(PeerAddress)
    /// Several live members have one name, or one address.
    case conflict(MemberConflict)
}
