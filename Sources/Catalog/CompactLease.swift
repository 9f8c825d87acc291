// How long a lease lasts, in half the room that it takes in milliseconds: there is one for each of a million instances, and all but a few last for less
// than a day.

/// The length of a lease. Exact below 24.8 days; above it is rounded up to a whole second, and above 68 years it is endless, which no process outlives.
struct CompactLease: Sendable {
    /// Milliseconds, or, with the highest bit, seconds.
    private let bits: UInt32

    private static let inSeconds: UInt32 = 1 << 31
    private static let endless = UInt32.max

    init(_ milliseconds: Int64) {
        let seconds = milliseconds / 1_000 + (milliseconds % 1_000 == 0 ? 0 : 1)
        if milliseconds < Int64(Self.inSeconds) {
            bits = UInt32(max(0, milliseconds))
        } else if seconds < Int64(Self.endless ^ Self.inSeconds) {
            bits = UInt32(seconds) | Self.inSeconds
        } else {
            bits = Self.endless
        }
    }

    /// `Instance.endless` when it never runs out.
    var milliseconds: Int64 {
        if bits & Self.inSeconds == 0 { return Int64(bits) }
        return bits == Self.endless ? Instance.endless : Int64(bits ^ Self.inSeconds) * 1_000
    }
}
