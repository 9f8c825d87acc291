import TestRandom
import Testing

@testable import Catalog

struct HybridClockTests {
    /// Rows: wall time in nanoseconds, what was seen before (milliseconds, 65,536ths), the stamps of a registration and
    /// of a withdrawal.
    @Test(
        arguments: [
            (1_000_000_000, nil, (1_000, 0), (1_000, 1)),
            (1_000_000_000, (999, 7), (1_000, 0), (1_000, 1)),
            (1_000_000_000, (1_000, 0), (1_000, 2), (1_000, 1)),
            (1_000_000_000, (1_000, 1), (1_000, 2), (1_000, 3)),
            (1_000_000_000, (5_000, 3), (5_000, 4), (5_000, 5)),
            (-5_000_000, nil, (0, 2), (0, 1)),
            (1_000_000_000, (1_000, 0xFFFF), (1_001, 0), (1_001, 1)),
            // Half a millisecond is half of what a millisecond is divided into; a microsecond is 65 of it.
            (1_000_500_000, nil, (1_000, 0x8000), (1_000, 0x8001)),
            (1_000_001_000, nil, (1_000, 64), (1_000, 65)),
        ] as [(Int64, (UInt64, UInt64)?, (UInt64, UInt64), (UInt64, UInt64))])
    func `a stamp is near wall time and after all that was seen`(
        wall: Int64, seen: (UInt64, UInt64)?, registration: (UInt64, UInt64), withdrawal: (UInt64, UInt64)
    ) {
        for (isWithdrawal, expected) in [(false, registration), (true, withdrawal)] {
            var clock = HybridClock()
            if let seen { clock.observe(HybridTime(bits: seen.0 << 16 | seen.1)) }
            #expect(
                clock.stamp(wall: wall, isWithdrawal: isWithdrawal) == HybridTime(bits: expected.0 << 16 | expected.1))
        }
    }

    @Test func `of a registration and a withdrawal at one instant the withdrawal is later, whoever made them`() {
        var (one, other) = (HybridClock(), HybridClock())
        let wall: Int64 = 1_790_000_000_123_456_789
        let registered = one.stamp(wall: wall, isWithdrawal: false)
        let withdrawn = other.stamp(wall: wall, isWithdrawal: true)
        #expect(registered.isSimultaneous(with: withdrawn))
        #expect(
            Version(time: registered, origin: MemberID(bits: .max))
                < Version(time: withdrawn, origin: MemberID(bits: 0)))
    }

    @Test func `a stamp tells its time`() {
        let time = HybridTime(nanoseconds: 1_790_000_000_123_456_789)
        #expect(time.milliseconds == 1_790_000_000_123)
        #expect((1_790_000_000_123_455...1_790_000_000_123_456).contains(time.microseconds))
        #expect(HybridTime(milliseconds: 7) == HybridTime(nanoseconds: 7_000_000))
        #expect(HybridTime(milliseconds: -1) == .zero && HybridTime(nanoseconds: -1) == .zero)
        #expect(HybridTime(milliseconds: .max) > HybridTime(nanoseconds: .max))
    }

    @Test func `stamps only grow, though the wall clock jumps`() {
        var (clock, random, last) = (HybridClock(), SplitMix64(seed: 1), HybridTime.zero)
        for _ in 0..<10_000 {
            if Bool.random(using: &random) {
                clock.observe(HybridTime(bits: .random(in: 0...(1 << 50), using: &random)))
            }
            let stamp = clock.stamp(
                wall: .random(in: -1_000_000_000_000...1_000_000_000_000_000, using: &random),
                isWithdrawal: .random(using: &random))
            #expect(stamp > last)
            last = stamp
        }
    }

    @Test func `the end of time does not start over`() {
        var clock = HybridClock()
        clock.observe(HybridTime(bits: .max))
        #expect(clock.stamp(wall: 1, isWithdrawal: false) == HybridTime(bits: .max))
    }

    @Test func `versions are ordered by time, then by origin, and come after none`() {
        let versions = [Version.none, version(1, origin: 1), version(1, origin: 2), version(2, origin: 0)]
        #expect(versions.shuffled().sorted() == versions)
    }
}

struct StableHashTests {
    /// The published values of FNV-1a and of MurmurHash3's finalizer, so that members of different releases agree.
    @Test func `the hash is what it always was`() {
        #expect(StableHash.mixed(0) == 0)
        #expect(StableHash.mixed(1) == 0xB456_BCFC_34C2_CB2C)
        #expect(StableHash.of([]) == StableHash.mixed(0xCBF2_9CE4_8422_2325))
        #expect(StableHash.of("a".utf8) == StableHash.mixed(0xAF63_DC4C_8601_EC8C))
        #expect(StableHash.of("foobar".utf8) == StableHash.mixed(0x8594_4171_F739_67E8))
    }

    @Test func `keys spread over the buckets, whatever ids clients choose`() {
        var counts = [Int](repeating: 0, count: BucketDigest.bucketCount)
        for id in UInt64(0)..<40_960 { counts[Int(BucketKey(.digest(id), in: tenant).bucket)] += 1 }
        #expect(counts.allSatisfy { $0 < 40 }, "ten on average")
        #expect(BucketKey(one, in: tenant).bucket != BucketKey(one, in: neighbour).bucket)
    }

    @Test func `a fingerprint is of namespace, id and version`() {
        let key = BucketKey(one, in: tenant)
        let prints = [
            key.fingerprint(of: version(1)), key.fingerprint(of: version(2)),
            key.fingerprint(of: version(1, origin: 2)),
            BucketKey(one, in: neighbour).fingerprint(of: version(1)),
            BucketKey(.digest(2), in: tenant).fingerprint(of: version(1)),
        ]
        #expect(Set(prints).count == prints.count)
        #expect(key.fingerprint(of: version(1)) == BucketKey(one, in: Namespace("tenant")).fingerprint(of: version(1)))
    }
}

struct MemberIDTests {
    @Test(
        arguments: [(0, "0000000000000000"), (0xB, "000000000000000b"), (.max, "ffffffffffffffff")]
            as [(UInt64, String)])
    func `a member's id has one spelling`(bits: UInt64, text: String) {
        #expect("\(MemberID(bits: bits))" == text)
    }
}
