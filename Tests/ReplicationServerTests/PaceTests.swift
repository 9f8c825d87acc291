// How often the replication thread wakes up: at once when there is little to do, and the more seldom the more there is.

import Testing

@testable import ReplicationServer

struct PaceTests {
    private static let microsecond: Int64 = 1_000
    private static let second: Int64 = 1_000_000_000

    /// Turns one after the other, each of which takes `cost` and comes `gap` after the rest behind the one before.
    /// Returns the rests.
    private static func rests(turns: Int, cost: Int64, gap: Int64) -> [Int64] {
        var pace = Pace()
        var (now, spent): (Int64, Int64) = (7 * second, 3 * second)
        return (0..<turns).map { _ in
            now += gap + cost
            spent += cost
            let rest = pace.rest(at: now, spent: { spent })
            now += rest
            return rest
        }
    }

    @Test func `a thread that has little to do never rests`() {
        // A twenty-fifth of the time.
        let rests = Self.rests(turns: 1_000, cost: 40 * Self.microsecond, gap: 960 * Self.microsecond)
        #expect(rests.allSatisfy { $0 == 0 })
    }

    @Test func `turns that crowd are spread, and the period settles`() {
        let rests = Self.rests(turns: 400, cost: 50 * Self.microsecond, gap: 10 * Self.microsecond)
        // A turn of 50 µs each 387 µs makes it busy for so much of its time that the period is 387 µs; the turn and the
        // wait before it are taken off.
        #expect(rests[..<100].contains(0), "the first window is nobody's")
        #expect(
            rests[300...].allSatisfy { (300 * Self.microsecond...350 * Self.microsecond).contains($0) },
            "\(rests[300...])")
    }

    @Test func `a thread that is busy for a third of its time wakes up each millisecond`() {
        let rests = Self.rests(turns: 200, cost: 350 * Self.microsecond, gap: 0)
        #expect(rests[190...].allSatisfy { $0 == 650 * Self.microsecond }, "\(rests[190...])")
    }

    @Test func `a turn that is longer than the period is followed by no rest`() {
        let rests = Self.rests(turns: 200, cost: 1_500 * Self.microsecond, gap: 0)
        #expect(rests.allSatisfy { $0 == 0 })
    }

    @Test func `a thread that was busy rests no more when the work is over`() {
        var pace = Pace()
        var (now, spent): (Int64, Int64) = (0, 0)
        for _ in 0..<100 {
            now += 400 * Self.microsecond
            spent += 400 * Self.microsecond
            now += pace.rest(at: now, spent: { spent })
        }
        #expect(pace.period == Pace.periods.upperBound)
        // The first look counts what was done before it.
        for _ in 0..<2 {
            now += 25_000 * Self.microsecond
            #expect(pace.rest(at: now, spent: { spent }) == 0)
        }
        #expect(pace.period == 0)
    }

    @Test func `the processor's time is asked for once in a window`() {
        var (pace, asked) = (Pace(), 0)
        for turn in 0..<100 {
            _ = pace.rest(at: Int64(turn) * Self.second / 1_000) {
                asked += 1
                return 0
            }
        }
        #expect(asked <= 100 * Int(Self.second / 1_000) / Int(Pace.window) + 1)
    }
}
