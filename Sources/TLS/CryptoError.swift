// The few ways in which OpenSSL can fail us outside of a TLS session. Return codes end here: each is looked at once,
// and becomes either a case of this enum or, where only exhausted memory or a broken installation could cause it
// midway, a trap that says so.

/// Why a cryptographic service could not be had.
package enum CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No OpenSSL provider offers the algorithm; the configuration of OpenSSL leaves it out.
    case unavailable(algorithm: String)
    /// The algorithm was found but did not take the key.
    case keyRefused(algorithm: String)

    /// A sentence without its full stop.
    package var description: String {
        switch self {
        case .unavailable(let algorithm): "OpenSSL offers no \(algorithm): look at its configuration and providers"
        case .keyRefused(let algorithm): "OpenSSL refused the key for \(algorithm)"
        }
    }
}

/// Traps unless OpenSSL reports success of a step that takes no input it could refuse.
func demand(_ result: Int32, _ step: StaticString) {
    precondition(result == 1, "OpenSSL failed to \(step): out of memory, or its provider is broken")
}
