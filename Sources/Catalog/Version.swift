// Which member changed an instance last, and when. Of two states of one id the one with the higher version stands, on
// every member alike.

import Text

/// A member of the cluster during one run: random, made at boot, so that neither its address nor its last life is taken
/// for it.
public struct MemberID: Hashable, Comparable, Sendable {
    public let bits: UInt64

    public init(bits: UInt64) {
        self.bits = bits
    }

    public static func < (left: MemberID, right: MemberID) -> Bool { left.bits < right.bits }
}

extension MemberID: CustomStringConvertible {
    public var description: String { bits.hexadecimal }
}

/// The version of an instance's state: last writer wins, by time and then by origin. Renewals do not change it.
public struct Version: Comparable, Hashable, Sendable {
    public let time: HybridTime
    /// The member that carried the change out for a client.
    public let origin: MemberID

    public init(time: HybridTime, origin: MemberID) {
        self.time = time
        self.origin = origin
    }

    /// Older than every version that was given.
    public static let none = Version(time: .zero, origin: MemberID(bits: 0))

    public static func < (left: Version, right: Version) -> Bool {
        (left.time, left.origin) < (right.time, right.origin)
    }
}
