import Catalog
import Replication
import Testing

@testable import LegacyPeers

struct OriginalStampTests {
    private static let second: Int64 = 1_000_000_000
    private static let now: Int64 = 1_795_392_343 * second

    @Test func `an address is the same origin always, and never one of ours`() {
        let one = MemberID(original: PeerAddress(host: "10.0.0.1", port: 6100))
        #expect(one == MemberID(original: PeerAddress(host: "10.0.0.1", port: 6100)))
        #expect(one != MemberID(original: PeerAddress(host: "10.0.0.1", port: 6101)))
        #expect(one.bits >> 63 == 1)
        #expect(one.bits == 0xd6ec_a5d4_7525_3128, "every version of ours must derive the same")
    }

    @Test func `stamps keep the order of times, and leave room between them`() {
        let times: [Int64] = [
            .min, -1, 0, 1, 999_999, 1_000_000, Self.now, Self.now + 40, Self.now + 999_999, Self.now + 1_000_000, .max,
        ]
        let stamps = times.map { HybridTime(nanoseconds: $0) }
        #expect(stamps == stamps.sorted())
        #expect(HybridTime(nanoseconds: Self.now).milliseconds == Self.now / 1_000_000)
        let registered = Version(time: HybridTime(nanoseconds: Self.now), origin: MemberID(bits: 1))
        let deregistered = registered.successor(origin: MemberID(bits: 2))
        #expect(registered < deregistered)
        #expect(deregistered.time < HybridTime(nanoseconds: Self.now + 40), "registered again 40 ns later")
    }

    /// In half seconds from now: what a clock says, and its error.
    private static let dates: [(date: Int64?, error: Int64)] = [
        (nil, 0), (0, 0), (-2, 0), (-4, 0), (2, 0), (7_200, 7_201), (-7_200, -7_199), (-6, -5), (4, 5),
    ]

    @Test(arguments: dates)
    func `a clock is wrong when its date is further off than a date can tell`(date: Int64?, error: Int64) {
        let half = Self.second / 2
        #expect(OriginalClock(date: date.map { Self.now + $0 * half }, wall: Self.now).error == error * half)
    }

    @Test(arguments: [Int64.min, .max])
    func `a date beyond all reason is no harm`(date: Int64) {
        let clock = OriginalClock(date: date, wall: Self.now)
        #expect(clock.error.signum() == date.signum())
        _ = clock.liveRegistration(.max, wall: Self.now, pause: 0)
        _ = clock.liveRegistration(.min, wall: Self.now, pause: .max)
        _ = clock.age(of: .min, wall: .max)
    }

    private struct Registration: Sendable {
        var error: Int64 = 0
        var says: Int64
        var pause: Int64 = 0
        var made: Int64
    }

    /// In milliseconds from now.
    private static let registrations = [
        // A right clock: the time counts as it is, unless it cannot be.
        Registration(says: 0, made: 0), Registration(says: -500, made: -500), Registration(says: -1_000, made: -1_000),
        Registration(says: 1_000, made: 1_000), Registration(says: 2_000, made: 2_000),
        Registration(says: 2_001, made: 0),
        Registration(says: 3_600_000, made: 0), Registration(says: -1_001, made: -1_000),
        Registration(says: -3_000, made: -1_000),
        Registration(says: -3_001, made: -3_001), Registration(says: -60_000, made: -60_000),
        // A wrong one.
        Registration(error: -3_600_000, says: -3_600_000, made: 0),
        Registration(error: -3_600_000, says: -3_602_000, made: -1_000),
        Registration(error: 3_600_000, says: 3_599_999, made: -1),
        // What may have lain here for a minute.
        Registration(says: -60_000, pause: 60_000, made: -60_000),
        Registration(says: -62_000, pause: 60_000, made: -61_000),
        Registration(says: -10_000, pause: 60_000, made: -10_000),
    ]

    @Test func `a live registration was made when it says, as far as that can be`() {
        for row in Self.registrations {
            let clock = OriginalClock(error: row.error * 1_000_000)
            let made = clock.liveRegistration(
                Self.now + row.says * 1_000_000, wall: Self.now, pause: row.pause * 1_000_000)
            #expect(made == Self.now + row.made * 1_000_000, "\(row)")
        }
    }

    @Test(arguments: [0, 1, 90, -1] as [Int64])
    func `the age of a lease is told by the original's clock`(seconds: Int64) {
        let renewed = Self.now - seconds * Self.second
        #expect(OriginalClock.right.age(of: renewed, wall: Self.now) == max(0, seconds) * 1_000)
        let hour = 3_600 * Self.second
        #expect(OriginalClock(error: -hour).age(of: renewed - hour, wall: Self.now) == max(0, seconds) * 1_000)
    }
}
