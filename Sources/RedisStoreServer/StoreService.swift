// A member's store, as the rest of the process has it: in the place of a cluster. What it does happens on a thread of its
// own, so that no server, however stuck, is ever waited for by a look-up or a heartbeat.

package import Catalog
import Libevent
package import Logging
package import Replication
import System
package import TLS
package import Time

/// Mail to the store thread.
enum StoreOrder: Sendable {
    /// The catalog has changes to write.
    case changes
    /// A loop will wait for acknowledgments, and gets them here.
    case connect(loop: Int, @Sendable (ClusterReply) -> Void)
    case acknowledge(AcknowledgmentTicket)
    case ask([(ticket: QuestionTicket, key: StateKey)])
    case settle(StoreWord)
    /// The password from now on: connections that are made later show it.
    case password(String?)
    case sentinelPassword(String?)
    /// What servers must show over TLS, and what they are shown, from now on.
    case trust(TLSContext)
    /// Write everything, say goodbye and end the thread; then call this.
    case leave(@Sendable () -> Void)
}

/// The store of this member. Safe to use from any thread.
package final class StoreService: Cluster {
    private let configuration: StoreConfiguration
    private let orders: MailboxSender<StoreOrder>
    private let board = StoreBoard()
    private let logger: Logger

    package init(_ configuration: StoreConfiguration, logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        orders = try MailboxSender()
    }

    /// The identity of this member during this run.
    package var member: MemberID { configuration.member }

    /// What the store's `wake` is to call.
    package func wake() { orders.sendQuietly(.changes) }

    /// Connects and begins to read. To be called once. Should the thread not come to run, `whenFailed` is called from it.
    ///
    /// - Parameters:
    ///   - capacity: how many instances a namespace may hold; nil is no limit.
    ///   - whenExpired: is told from the store thread how many leases have run out.
    package func start(
        _ store: Store, _ leaseClock: SharedLeaseClock, _ expiryHold: ExpiryHold,
        capacity: @escaping @Sendable (Namespace) -> Int?, whenExpired: @escaping @Sendable (Int) -> Void,
        whenFailed: @escaping @Sendable (any Error) -> Void
    ) throws {
        let parts = StoreLoop.Parts(
            configuration: configuration, store: store, leaseClock: leaseClock, expiryHold: expiryHold, board: board,
            orders: orders, logger: logger, capacity: capacity, whenExpired: whenExpired, whenFailed: whenFailed)
        // It is not joined: `leave` reports its end, and the process exits at its deadline whether it has ended or not.
        try NamedThread("store") { StoreLoop.run(parts) }.detach()
    }

    /// Connections that are made from now on show it.
    package func change(password: String?) { orders.send(.password(password)) }

    package func change(sentinelPassword: String?) { orders.send(.sentinelPassword(sentinelPassword)) }

    /// Connections that are made from now on believe and show what it has; those that are open stay.
    package func change(trust: TLSContext) { orders.send(.trust(trust)) }

    /// Writes everything and says goodbye; then calls `whenLeft`, from the store thread. To be called once, after
    /// `start`.
    package func leave(whenLeft: @escaping @Sendable () -> Void) { orders.send(.leave(whenLeft)) }

    // MARK: - Cluster

    package var hasCopy: Bool { board.hasCopy }
    package var isLargeEnough: Bool { true }
    package var clockCorrection: Int64 { board.clockCorrection }
    package var components: [ComponentHealth] { [board.component] }
    package var report: ClusterReport? { nil }
    package var store: StoreStatus? { board.status }
    package var standing: PublishedStanding { board.standing }

    package func connect(loop: Int, _ receive: @escaping @Sendable (ClusterReply) -> Void) {
        orders.send(.connect(loop: loop, receive))
    }
    package func acknowledge(_ ticket: AcknowledgmentTicket) { orders.send(.acknowledge(ticket)) }
    package func ask(_ questions: [(ticket: QuestionTicket, key: StateKey)]) { orders.send(.ask(questions)) }
    package func takeRefusal(of key: StateKey) -> Bool { board.takeRefusal(of: key) }
    package func settle(_ word: StoreWord) { orders.send(.settle(word)) }
}
