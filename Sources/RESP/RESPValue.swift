// What Redis answers, as a value. RESP2 is enough: what the third version adds are kinds of replies that nothing here
// asks for.

/// One reply, whole. Its size and depth are bounded by `RESPLimits`.
package enum RESPValue: Sendable, Equatable {
    /// A short word such as `OK`.
    case status(String)
    case error(RESPFault)
    case integer(Int64)
    case bytes([UInt8])
    case array([RESPValue])
    /// There is no such thing: a key that does not exist, or a wait that has ended without news.
    case nothing
}
