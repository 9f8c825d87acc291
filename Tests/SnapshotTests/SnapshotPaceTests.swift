// How much of the machine a snapshot takes, and when it is too old to be believed.

import TestRandom
import Testing

@testable import Snapshot

struct SnapshotPaceTests {
    @Test(arguments: 0..<20)
    func `a snapshot takes no more than its share, however unequal its pieces are`(seed: UInt64) {
        // S106 A file is written at 4 % of one processor …
        var random = SplitMix64(seed: seed)
        var pace = SnapshotPace()
        var (spent, rested): (Int64, Int64) = (0, 0)
        for _ in 0..<10_000 {
            let piece = Int64.random(in: 0...3_000_000, using: &random)
            spent += piece
            rested += pace.rest(afterSpending: piece) ?? 0
        }
        let share = Double(spent) / Double(spent + rested)
        #expect((0.039...0.0401).contains(share), "seed \(seed): \(share)")
        #expect(pace.rest(afterSpending: -5) == nil, "a clock that goes back is no reason to rest")
    }

    @Test(
        arguments: [
            // begun, written, interval, due
            (0, 10, 60_000_000_000, 60_000_000_000), (0, 59_999_999_999, 60_000_000_000, 60_999_999_999),
            (0, 90_000_000_000, 60_000_000_000, 91_000_000_000), (0, 25_000_000_000, 1_000_000_000, 26_000_000_000),
        ] as [(Int64, Int64, Int64, Int64)])
    func `no two are written at a time`(begun: Int64, written: Int64, interval: Int64, due: Int64) {
        // S106 … an interval that is shorter than it takes begins a second after the last one.
        #expect(SnapshotPace.due(begun: begun, written: written, interval: interval) == due)
    }

    private static let second: Int64 = 1_000_000_000

    @Test(
        arguments: [
            // began, now, age, forgotten, old overrides, all in seconds
            (1_000, 1_000, 0, false, false), (1_000, 4_599, 3_599, false, false), (1_000, 4_600, 3_600, false, true),
            (1_000, 87_399, 86_399, false, true), (1_000, 87_400, 86_400, true, true),
            (1_010, 1_000, 0, false, false), (1_011, 1_000, nil, true, true),
            (-9_000_000_000, 9_000_000_000, 9_223_372_036, true, true),
            (9_000_000_000, -9_000_000_000, nil, true, true),
        ] as [(Int64, Int64, Int64?, Bool, Bool)])
    func `what is too old, or from the future, may have come back from the dead`(
        began: Int64, now: Int64, age: Int64?, isForgotten: Bool, hasOldOverrides: Bool
    ) {
        // S304 A file that is older than TOMBSTONE_TIME, or by more than 10 s from the future …
        let subject = SnapshotAge(began: began * Self.second, now: now * Self.second)
        #expect(subject.nanoseconds.map { $0 / Self.second } == age)
        #expect(subject.mayLack(tombstonesOf: 86_400_000) == isForgotten)
        #expect(subject.mayHaveOldOverrides == hasOldOverrides)
    }
}
