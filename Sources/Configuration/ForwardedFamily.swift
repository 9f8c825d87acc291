// The word of `forwarded`: proxies write what they know of their client in one of two families of fields. A server that
// reads both can be deceived by the family that the proxy does not write.

/// Which fields the proxies in front write.
package enum ForwardedFamily: String, Sendable, CaseIterable {
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `-Prefix`, and the older `$WSSC`.
    case xForwarded = "x-forwarded"
    /// `Forwarded` (RFC 7239).
    case rfc7239
}
