// Members must agree on which of two changes to an instance is the later one, though their clocks differ and step. A hybrid logical clock
// (Kulkarni et al., "Logical Physical Clocks", 2014) gives stamps that stay near wall time, never go back, and are later than all that was seen.

/// A stamp of a hybrid logical clock: milliseconds since 1970 above, a counter in the low 16 bits.
public struct HybridTime: Comparable, Hashable, Sendable {
    public let bits: UInt64

    public init(bits: UInt64) {
        self.bits = bits
    }

    /// Before every stamp that a clock gives.
    public static let zero = HybridTime(bits: 0)

    /// Milliseconds since 1970, about; ahead of the wall clock where another member's was.
    public var milliseconds: Int64 { Int64(bits >> 16) }

    /// Microseconds since 1970, about; ahead of the wall clock where another member's was.
    public var microseconds: Int64 { milliseconds * 1_000 }

    public static func < (left: HybridTime, right: HybridTime) -> Bool { left.bits < right.bits }
}

/// A clock of one guarded place: versions are only compared within an instance, so each shard has a clock of its own.
struct HybridClock: Sendable {
    /// The latest stamp given or seen.
    private(set) var last = HybridTime.zero

    /// A stamp later than all given and seen before. `wall` is nanoseconds since 1970. A counter that runs over moves the milliseconds on,
    /// which only brings the clock ahead by as much.
    mutating func stamp(wall: Int64) -> HybridTime {
        let physical = UInt64(max(0, wall / 1_000_000)) << 16
        last = HybridTime(bits: max(physical, last.bits == .max ? .max : last.bits + 1))
        return last
    }

    /// Learns of another's stamp.
    mutating func observe(_ time: HybridTime) {
        last = max(last, time)
    }
}
