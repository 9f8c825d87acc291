// How TLS fares, for the metrics: written by the control loop and the API loops, read by whoever scrapes.

import Synchronization

/// The state of the TLS port. Safe to use from any thread.
public final class TLSHealth: Sendable {
    private let expiry: Atomic<Int64>
    private let reloadFailureCount = Atomic<UInt64>(0)
    private let handshakeFailureCount = Atomic<UInt64>(0)

    /// `certificateExpiry` is in seconds since 1970.
    init(certificateExpiry: Int64) { expiry = Atomic(certificateExpiry) }

    /// When the certificate in service expires, in seconds since 1970.
    var certificateExpiry: Int64 { expiry.load(ordering: .relaxed) }
    /// How often new files could not be used.
    var reloadFailures: UInt64 { reloadFailureCount.load(ordering: .relaxed) }
    /// Connections that ended before their handshake did.
    var handshakeFailures: UInt64 { handshakeFailureCount.load(ordering: .relaxed) }

    func reloaded(certificateExpiry: Int64) { expiry.store(certificateExpiry, ordering: .relaxed) }
    func reloadFailed() { reloadFailureCount.add(1, ordering: .relaxed) }
    func handshakeFailed() { handshakeFailureCount.add(1, ordering: .relaxed) }
}
