// What a node wants done. The node gets events and decides; the shell, which owns sockets, threads and clocks, carries
// it out. Every call of a node returns its directives in the order in which they are to be carried out.

package import Catalog

/// Something for the shell to do.
package enum Directive: Sendable {
    /// Queue these bytes behind what is queued on this link.
    case send(LinkID, [UInt8])
    /// Close this link once what is queued on it has gone out, or after a few seconds. Nothing of it is to be handed on
    /// any more, and `linkClosed` is not called for it.
    case close(LinkID, CloseReason)
    /// Connect to this address; answered by `linkOpened` with `.dialed`, `dialFailed` or `originalChanged`.
    case dial(PeerAddress)
    /// This member may answer look-ups from now on. Given once.
    case becameReady(ReadinessGround)
    /// Whether this member asks for traffic, or why it does not. Given whenever that changes.
    case readiness(ReadinessReport)
    /// Stop lease time until `releaseLeases`, or for this many milliseconds, so that nothing expires.
    case holdLeases(atMost: Duration)
    case releaseLeases
    /// How the other members are connected: whether what they have not told may count against leases last renewed
    /// elsewhere. Given when it changes.
    case peersHeard(PeerHearing)
    /// A member that knows who is alive has told all of it: no lease is longer than it should be.
    case settled
    /// Let the wall clock that the catalog is told differ by so many milliseconds from the machine's (0: not at all).
    case correctClock(milliseconds: Int64)
    /// Local changes, for legacy peers. Only given when `NodeConfiguration.offersOriginals`.
    case offerToOriginals([Replicated])
    /// What the ticket, and all before it of its loop, stands for may be answered: the members that count have it, or
    /// the bound has passed.
    case acknowledged(AcknowledgmentTicket)
    /// The members that were asked have answered, or the bound has passed. When it is sure, what the store says of the
    /// id now is true.
    case answered(QuestionTicket, isSure: Bool)
    /// How the cluster stands for requests. Given whenever that changes.
    case standing(ClusterStanding)
    /// Something to be logged. Given once per change of state.
    case note(ClusterEvent)
}

/// Why a node closes a link.
package enum CloseReason: Sendable, Equatable {
    /// The other end broke the protocol.
    case malformed(FrameError)
    /// The other end failed to authenticate, or claims to be another.
    case refused(RefusalReason)
    /// The other end lets us not in, or no longer.
    case refusedBy(RefusalReason)
    /// Nothing was received for three pings, or the handshake took too long.
    case silent
    /// It goes on talking and does not read what it is answered.
    case deaf
    /// The link leads to this very member.
    case ourself
    /// Frames arrive, but so late that the ages in them are wrong.
    case late
    /// Another link leads to the same member already.
    case duplicate
    /// This member leaves, or the other one has said that it does.
    case leaving
    /// The address is no longer one of a member's.
    case notMember
}

/// Why a member answers look-ups.
package enum ReadinessGround: Sendable, Equatable {
    /// It has all of a member that was ready.
    case copied(from: PeerAddress)
    /// All members that answered were starting too, and have exchanged everything.
    case startedTogether(members: Int)
    /// There is no other member, and none is expected.
    case alone
    /// For `NodeConfiguration.syncTimeout` no member has answered, or none any more: it may serve less than there is,
    /// which is an error.
    case timeout(peersAnswered: Bool)
}
