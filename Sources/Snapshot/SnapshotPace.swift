// A snapshot of a million instances takes a second of processor time. It is spread out, so that it takes no more than
// its share of one processor whatever else there is to do.

import Catalog

/// When the thread of snapshots rests. A pure value.
package struct SnapshotPace: Sendable {
    /// The share of one processor's time, one part in this many: 4 per cent.
    static let parts: Int64 = 25
    /// Nanoseconds of processor time after which it rests.
    static let stint: Int64 = 1_000_000

    private var spent: Int64 = 0

    package init() {}

    /// For how many nanoseconds to rest after so many of processor time; nil is not at all yet.
    package mutating func rest(afterSpending nanoseconds: Int64) -> Int64? {
        spent += max(0, nanoseconds)
        guard spent >= Self.stint else { return nil }
        defer { spent = 0 }
        return spent * (Self.parts - 1)
    }

    /// When the next file is due that was begun at one time and written at another, both in nanoseconds: no two are
    /// written at a time, and between two there is a rest of a second.
    package static func due(begun: Int64, written: Int64, interval: Int64) -> Int64 {
        max(begun + interval, written + min(interval, 1_000_000_000))
    }
}

/// How old a snapshot is, and what follows from that. A pure value.
package struct SnapshotAge: Sendable, Equatable {
    /// Nanoseconds by which a file may be ahead of the clock.
    private static let clockTolerance: Int64 = 10_000_000_000
    /// Nanoseconds for which what operators said of an instance is kept after it has gone: what a file that is older
    /// says may have been taken back, and forgotten.
    private static let overrideTime: Int64 = 3_600_000_000_000

    /// Nil for one from the future, whose age nobody can tell.
    package let nanoseconds: Int64?

    /// - Parameters:
    ///   - began: when the file was begun, in nanoseconds since 1970.
    ///   - now: by this machine's clock.
    package init(began: Int64, now: Int64) {
        let age = now.subtractingSaturated(began)
        nanoseconds = age < -Self.clockTolerance ? nil : max(0, age)
    }

    /// Whether tombstones may have been forgotten that would tell what has gone since.
    ///
    /// - Parameter time: for how many milliseconds they are kept.
    package func mayLack(tombstonesOf time: Int64) -> Bool { nanoseconds.map { $0 / 1_000_000 >= time } ?? true }

    /// Whether it may have overrides that others have taken back and forgotten.
    package var mayHaveOldOverrides: Bool { nanoseconds.map { $0 >= Self.overrideTime } ?? true }
}
