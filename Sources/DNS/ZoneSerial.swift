// The serial number of the zone (RFC 1035, section 3.3.13), by which monitors see that the zone has changed, and whether
// two servers have the same. It is made of the times of the last changes, so servers that have the same catalog have
// nearly the same serial, and a server that is restarted goes on where it was.

/// The serial numbers of a zone, which grow in the order of RFC 1982. Pure.
package struct ZoneSerial: Sendable {
    /// Microseconds of one step, as a power of two: 16 milliseconds. RFC 1982 can order what is less than half of all
    /// numbers apart, which with steps of this length is 400 days.
    private static let stepBits: UInt64 = 14

    /// The sum of the indexes at the last look: another one with each change.
    private var seen: UInt64 = 0
    /// The serial before it is cut to 32 bits. Invariant: only grows.
    private var steps: UInt64 = 0

    package init() {}

    /// The serial of a zone that shows namespaces with these indexes (`Revision.index`): the time of the last of their
    /// changes, or one more than before where a change has come that moves it by less.
    package mutating func value(_ indexes: some Sequence<UInt64>) -> UInt32 {
        var (sum, latest): (UInt64, UInt64) = (0, 0)
        for index in indexes {
            sum &+= index
            latest = max(latest, index)
        }
        if sum != seen || steps == 0 {
            seen = sum
            steps = max(steps + 1, latest >> Self.stepBits)
        }
        return UInt32(truncatingIfNeeded: steps)
    }
}
