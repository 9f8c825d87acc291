// The one thing of a server that other threads may look at: how many connections it has.

import Synchronization

/// The count of a server's connections, readable from any thread.
package final class ConnectionGauge: Sendable {
    private let openCount = Atomic<Int>(0)

    package init() {}

    /// Connections open now.
    package var open: Int { openCount.load(ordering: .relaxed) }

    func opened() { openCount.add(1, ordering: .relaxed) }
    func closed() { openCount.subtract(1, ordering: .relaxed) }
}
