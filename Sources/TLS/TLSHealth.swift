// Counters of TLS on a port, for the metrics: written by the threads that serve it, read for each scrape.

import Synchronization

/// The state of a TLS port. Safe to use from any thread.
package final class TLSHealth: Sendable {
    private let expiry: Atomic<Int64>
    private let reloadFailureCount = Atomic<UInt64>(0)
    private let handshakeFailureCount = Atomic<UInt64>(0)

    /// `certificateExpiry` is in seconds since 1970.
    package init(certificateExpiry: Int64) { expiry = Atomic(certificateExpiry) }

    /// When the certificate in service expires, in seconds since 1970.
    package var certificateExpiry: Int64 { expiry.load(ordering: .relaxed) }
    /// How often new files could not be used.
    package var reloadFailures: UInt64 { reloadFailureCount.load(ordering: .relaxed) }
    /// Accepted connections that ended before their handshake did.
    package var handshakeFailures: UInt64 { handshakeFailureCount.load(ordering: .relaxed) }

    package func reloaded(certificateExpiry: Int64) { expiry.store(certificateExpiry, ordering: .relaxed) }
    package func reloadFailed() { reloadFailureCount.add(1, ordering: .relaxed) }
    package func handshakeFailed() { handshakeFailureCount.add(1, ordering: .relaxed) }
}
