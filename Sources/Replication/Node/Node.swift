// A member's part in its cluster: all its links, whom to dial, whether it is ready. Pure: it is told what happens and when, and returns what
// is to be done, so that the same code runs over sockets and in a simulation of thousands of clusters.

import Catalog

/// A member's view of its cluster. Not `Sendable`: belongs to one thread. Every call may return directives, to be carried out in order.
public final class Node {
    private let configuration: NodeConfiguration

    /// - Parameter random: for nonces, so one that cannot be predicted; a seeded one only in tests.
    public init(
        _ configuration: NodeConfiguration, store: Store, random: any RandomNumberGenerator, authenticator: Authenticator?,
        at time: NodeTime
    ) {
        self.configuration = configuration
    }

    // MARK: - Links

    /// A connection has been upgraded to frames.
    ///
    /// - Parameters:
    ///   - address: the address that was dialed; of an accepted link, the one that the other claims in its `Member-ID`.
    ///   - boundTo: the names and addresses in the other's verified certificate; nil when none is demanded. What the member then says of itself, its
    ///     host or its name, must be among them.
    public func linkOpened(
        _ link: LinkID, role: LinkRole, address: PeerAddress, boundTo: Set<String>?, at time: NodeTime
    ) -> [Directive] { [] }

    /// Bytes have come in, in any pieces.
    public func received(_ bytes: [UInt8], on link: LinkID, at time: NodeTime) -> [Directive] { [] }

    /// The connection is gone.
    public func linkClosed(_ link: LinkID, at time: NodeTime) -> [Directive] { [] }

    /// Bytes have gone out and so many are still queued. To be told whenever they fall under `NodeLimits.copyBytesInFlight`.
    public func drained(_ link: LinkID, queuedBytes: Int, at time: NodeTime) -> [Directive] { [] }

    /// A dial has come to nothing.
    public func dialFailed(_ address: PeerAddress, at time: NodeTime) -> [Directive] { [] }

    /// What a dialed address turned out to be, or to have become: a member that runs the original.
    public func originalChanged(_ address: PeerAddress, to state: OriginalState, at time: NodeTime) -> [Directive] { [] }

    // MARK: - The rest

    /// The catalog has changes to be told: what its wake callback asks for.
    public func localChanges(at time: NodeTime) -> [Directive] { [] }

    /// Time has passed. Every 100 ms.
    public func tick(at time: NodeTime) -> [Directive] { [] }

    /// The addresses of the members, ours perhaps among them; all that are not in it are let go.
    public func members(_ addresses: Set<PeerAddress>, at time: NodeTime) -> [Directive] { [] }

    /// The process was not run for so long (SIGSTOP, a frozen machine).
    public func paused(milliseconds: Int64, at time: NodeTime) -> [Directive] { [] }

    /// Tells everybody all there is to be told, and goodbye. To be followed by the usual calls until `isFlushed`, or for as long as one cares to wait.
    public func leave(at time: NodeTime) -> [Directive] { [] }

    /// Whether, after `leave`, everything has been acknowledged.
    public var isFlushed: Bool { true }

    /// How everything stands.
    public func status(at time: NodeTime) -> ClusterStatus {
        ClusterStatus(
            member: configuration.member, name: configuration.name, address: configuration.address, isReady: false, ground: nil,
            expectedSize: configuration.clusterSize, size: 1, clockOffset: 0, clockCorrection: 0, holdsLeases: false, digestRoot: 0,
            peers: [],
            counts: ReplicationCounts())
    }
}

/// How a dialed member that runs the original stands.
public enum OriginalState: Sendable, Equatable {
    /// Its stream is being read.
    case connected
    /// All of it has been copied.
    case copied
    /// Its stream has ended: to be dialed again.
    case lost
}
