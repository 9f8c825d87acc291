// Which member changed an instance last, and when. Of two states of one id the one with the higher version stands, on
// every member alike.

import Text

/// A member of the cluster during one run: random, made at boot, so that neither its address nor its last life is taken
/// for it.
package struct MemberID: Hashable, Comparable, Sendable {
    package let bits: UInt64

    package init(bits: UInt64) {
        self.bits = bits
    }

    package static func < (left: MemberID, right: MemberID) -> Bool { left.bits < right.bits }
}

extension MemberID: CustomStringConvertible {
    package var description: String { bits.hexadecimal }
}

/// The version of an instance's state: last writer wins, by time and then by origin. Renewals do not change it.
package struct Version: Comparable, Hashable, Sendable {
    package let time: HybridTime
    /// The member that carried the change out for a client.
    package let origin: MemberID

    package init(time: HybridTime, origin: MemberID) {
        self.time = time
        self.origin = origin
    }

    /// Older than every version that was given.
    package static let none = Version(time: .zero, origin: MemberID(bits: 0))

    package static func < (left: Version, right: Version) -> Bool {
        (left.time, left.origin) < (right.time, right.origin)
    }
}
