// What one end of a link may have against the other. It travels, so that both logs say the same.

/// Why a member is not let in. The numbers travel.
package enum RefusalReason: UInt8, Sendable, Equatable {
    /// No protocol version that both speak.
    case version = 1
    /// The proof of the cluster's secret is wrong or missing.
    case secret = 2
    /// The certificate is not that of the member it claims to be.
    case certificate = 3
    /// As many links as there may be.
    case full = 4
}
