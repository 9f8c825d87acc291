// A member's part in its cluster, as the rest of the process has it: started, sent mail, asked for its state, and
// ended. What it does happens on a thread of its own, so that no peer, however stuck, is ever waited for by a request.

package import Catalog
import Libevent
package import Logging
package import Replication
import Synchronization
import System
package import TLS
package import Time

/// Mail to the replication thread.
enum ReplicationOrder: Sendable {
    /// The catalog has changes to publish.
    case changes
    /// A loop will wait for acknowledgments, and gets them here.
    case connect(loop: Int, @Sendable (ClusterReply) -> Void)
    /// Answers wait until the others have what was changed so far.
    case acknowledge(AcknowledgmentTicket)
    /// Answers wait for what the others know.
    case ask([(ticket: QuestionTicket, key: StateKey)])
    /// What one look for members has found.
    case found(MembershipReport)
    /// The ways in which members are looked for: reports will come from each.
    case looking(Set<MemberSource>)
    /// The process was not run for longer than `LeaseClock.longestGap`.
    case paused
    /// Prove the first of these from now on, and accept each.
    case secrets([[UInt8]])
    /// An operator has drained this member, or taken that back.
    case drained(Bool)
    /// Publish everything, say goodbye and end the thread; then call this.
    case leave(@Sendable () -> Void)
}

/// The replication of this member. Safe to use from any thread.
package final class ReplicationService: Cluster {
    private let configuration: ReplicationConfiguration
    private let orders: MailboxSender<ReplicationOrder>
    private let board: ClusterSnapshot
    private let security: PeerSecurity?
    private let logger: Logger
    private let membership = Mutex<MembershipThreads?>(nil)

    /// Reads the certificates at `now`, in seconds since 1970; throws a `TLSError` when they cannot be used.
    package init(_ configuration: ReplicationConfiguration, now: Int64, logger: Logger) throws {
        var configuration = configuration
        configuration.node.limits.callPeriod = ReplicationLoop.beatPeriod(configuration.node.limits)
        self.configuration = configuration
        self.logger = logger
        board = ClusterSnapshot(
            at: MonotonicClock.now(), longestSilence: configuration.node.limits.longestUnnoticedGap,
            usesDirectory: configuration.node.usesDirectory, syncTimeout: configuration.node.syncTimeout,
            acknowledges: configuration.node.limits.acknowledges)
        orders = try MailboxSender()
        security = try configuration.tls.map { (tls) throws(TLSError) in
            try PeerSecurity(tls, name: configuration.certificateName, now: now)
        }
    }

    /// Where the others reach this member.
    package var address: PeerAddress { configuration.node.address }

    /// The port that was taken for peers.
    package var port: UInt16 { configuration.port.port }

    /// The identity of this member during this run.
    package var member: MemberID { configuration.node.member }

    /// How TLS fares between members; nil without it.
    package var tlsHealth: TLSHealth? { security?.health }

    /// What the store's `wake` is to call. While answers wait for the other members, the ticket of this one follows
    /// within the turn of its loop, and a waking serves both; a change that none follows is told with the next look at
    /// the clock, `ReplicationLoop.beatPeriod` later at most.
    package func wake() { if board.standing.waits { orders.sendQuietly(.changes) } else { orders.send(.changes) } }

    /// Starts to look for members, to accept them and to copy from them. To be called once. Should the thread not come
    /// to run, `whenFailed` is called from it.
    ///
    /// - Parameter isRestored: whether the store has leases that began anew with this start.
    package func start(
        _ store: Store, _ leaseClock: SharedLeaseClock, _ expiryHold: ExpiryHold, isRestored: Bool = false,
        whenFailed: @escaping @Sendable (any Error) -> Void
    ) throws {
        let loop = ReplicationLoop.Parts(
            configuration: configuration, store: store, leaseClock: leaseClock, expiryHold: expiryHold, board: board,
            security: security,
            orders: orders, isRestored: isRestored,
            logger: logger, whenFailed: whenFailed)
        // It is not joined: `leave` reports its end, and the process exits at its deadline whether it has ended or not.
        try NamedThread("replication") { ReplicationLoop.run(loop) }.detach()
        let search = MembershipConfiguration(
            directory: configuration.directory, names: configuration.names, own: address,
            wallClock: { [board] in WallClock.nanoseconds().addingSaturated(board.clockCorrection) })
        // First: an earlier report would have no known source.
        orders.send(.looking(search.sources))
        let membership = try MembershipThreads(search) { [orders] in orders.send(.found($0)) }
        self.membership.withLock { $0 = membership }
    }

    /// The process was not run for longer than `LeaseClock.longestGap`.
    package func paused() { orders.send(.paused) }

    /// Over the certificates as they were before they were read; nil without TLS.
    package var certificateWatch: FileWatch? { security?.watch }

    /// Reads the certificates anew at `now`, in seconds since 1970; says in the log how that went, and returns the
    /// watch over what was read.
    package func reloadCertificates(now: Int64) -> FileWatch { security?.reload(now: now, logger) ?? FileWatch([]) }

    /// Links that are made from now on prove the first secret, and accept each. There is at least one.
    package func change(secrets: [[UInt8]]) { orders.send(.secrets(secrets)) }

    /// The others are told, with the next ping, whether this member is drained.
    package func tell(isDrained: Bool) { orders.send(.drained(isDrained)) }

    /// Publishes everything and leaves the cluster, within a few seconds; then calls `whenLeft`, from the replication
    /// thread. To be called once, after `start`.
    package func leave(whenLeft: @escaping @Sendable () -> Void) {
        orders.send(
            .leave { [self] in
                // Last, so that no member takes this one for gone while it still has something to publish.
                membership.withLock { $0 }?.stop(within: Self.membershipTime)
                whenLeft()
            })
    }

    /// How long a directory may take to let this member's file go.
    private static let membershipTime: Duration = .milliseconds(500)
    /// The longest that `leave` takes, in milliseconds, however many peers are stuck: a process that is ended earlier
    /// leaves this member's file there.
    package static let longestLeave = ReplicationLoop.longestLeave + membershipTime

    // MARK: - Cluster

    package var hasCopy: Bool { board.hasCopy }
    package var isLargeEnough: Bool { board.isLargeEnough }
    package var readiness: ReadinessReport? { board.readiness }
    package var sizeChangedAt: MonotonicTime { board.sizeChangedAt }
    package var clockCorrection: Int64 { board.clockCorrection }
    package var components: [ComponentHealth] { board.components }
    package var report: ClusterReport? { board.report }
    package var standing: PublishedStanding { board.standing }

    package func connect(loop: Int, _ receive: @escaping @Sendable (ClusterReply) -> Void) {
        orders.send(.connect(loop: loop, receive))
    }
    package func acknowledge(_ ticket: AcknowledgmentTicket) { orders.send(.acknowledge(ticket)) }
    package func ask(_ questions: [(ticket: QuestionTicket, key: StateKey)]) { orders.send(.ask(questions)) }
}
