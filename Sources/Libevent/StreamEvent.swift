// The events that the owner of streams gets. Values: a stream itself never leaves its room, and a number that is never
// used again stands for it outside, so that word which comes late is about nothing rather than about another stream.

package import TLS

/// Names one stream for as long as the process lives.
package struct StreamID: Hashable, Sendable {
    /// Counts from 1, through all streams of one `Streams`.
    package let number: UInt64

    package init(number: UInt64) { self.number = number }
}

/// The peer of a stream that has opened.
package struct StreamPeer: Sendable, Equatable {
    /// Numeric, without the port.
    package let host: String
    package let isSecure: Bool
    /// Nil without TLS, or when it showed none. Only certificates of the authority get this far.
    package let certificate: PeerCertificate?
}

/// What happens to a stream. There are no events after `closed`, nor after the owner has closed it.
package enum StreamEvent: Sendable {
    /// It is connected, and over TLS the handshake is done.
    case opened(StreamPeer)
    case received([UInt8])
    /// The queue has fallen to the low-water mark.
    case drained
    /// - host: its peer, though it may never have been opened.
    case closed(StreamEnd, host: String)
}

/// Why a stream has ended that its owner has not closed.
package enum StreamEnd: Sendable, Equatable {
    /// The other end has closed it in good form.
    case left
    /// It was not admitted within its time.
    case tooSlow
    /// The kernel's or OpenSSL's reason.
    case failed(String)
    /// One end does not believe the other's certificate; OpenSSL's reason.
    case distrusted(String)

    /// For the log, without a full stop.
    package var sentence: String {
        switch self {
        case .left: "the peer has closed the connection"
        case .tooSlow: "the peer has not completed the handshake in time"
        case .failed(let reason), .distrusted(let reason): reason
        }
    }
}

/// What bounds streams.
package struct StreamLimits: Sendable {
    /// The number of queued bytes at which the owner gets an event that there is room again.
    package var lowWater = 64 << 10
    /// Accepted streams that are not admitted yet: of all peers, and of one address.
    package var newcomers = 64
    package var newcomersOfHost = 16
    /// Accepted streams that were closed before they were admitted and still take what was queued. Beyond it, it is
    /// dropped.
    package var departingNewcomers = 64
    /// How long an accepted stream may take until its owner admits it, in milliseconds.
    package var newcomerTime = 10_000

    package init() {}
}
