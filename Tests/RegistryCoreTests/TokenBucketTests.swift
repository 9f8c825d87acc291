// The bucket against the textbook's, and the table against a dictionary without a bound.

import TestRandom
import TestSupport
import TestTime
import Testing
import Time

@testable import RegistryCore

private let second: Int64 = 1_000_000_000

struct TokenBucketTests {
    @Test func `a full bucket gives its burst at once, and then one token an interval`() {
        let allowance = Allowance(perSecond: 10, burst: 2 * second)
        var bucket = TokenBucket()
        for _ in 0..<20 { #expect(bucket.take(allowance, at: MonotonicTime(nanoseconds: 5)) == nil) }
        #expect(bucket.take(allowance, at: MonotonicTime(nanoseconds: 5)) == second / 10)
        #expect(bucket.take(allowance, at: MonotonicTime(nanoseconds: 5 + second / 10 - 1)) == 1)
        #expect(bucket.take(allowance, at: MonotonicTime(nanoseconds: 5 + second / 10)) == nil)
        #expect(bucket.take(allowance, at: MonotonicTime(nanoseconds: 5 + second / 10)) != nil)
    }

    @Test func `a burst shorter than a token's time still holds one token`() {
        let allowance = Allowance(perSecond: 1, burst: 1)
        var bucket = TokenBucket()
        #expect(bucket.take(allowance, at: 0) == nil)
        #expect(bucket.take(allowance, at: MonotonicTime(nanoseconds: second - 1)) == 1)
        #expect(bucket.take(allowance, at: MonotonicTime(nanoseconds: second)) == nil)
    }

    @Test func `whoever comes back when told finds a token`() {
        let allowance = Allowance(perSecond: 3, burst: second)
        var bucket = TokenBucket()
        var now = MonotonicTime.zero
        for _ in 0..<1_000 {
            if let wait = bucket.take(allowance, at: now) {
                now = now.adding(nanoseconds: wait)
                #expect(bucket.take(allowance, at: now) == nil)
            }
        }
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `it is the textbook's bucket`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        // Powers of two divide the second, so that the model's tokens are exact.
        let rate = 1 << Int.random(in: 0...9, using: &generator)
        let seconds = Int64.random(in: 1...5, using: &generator)
        let allowance = Allowance(perSecond: rate, burst: seconds * second)
        var bucket = TokenBucket()
        let most = Int64(rate) * seconds * allowance.interval
        var level = most
        var now = MonotonicTime.zero
        for step in 0..<5_000 {
            let pause =
                Bool.random(using: &generator) ? 0 : Int64.random(in: 0...3 * allowance.interval, using: &generator)
            now = now.adding(nanoseconds: pause)
            level = min(most, level + pause)
            let grants = level >= allowance.interval
            if grants { level -= allowance.interval }
            #expect((bucket.take(allowance, at: now) == nil) == grants, "seed \(seed), step \(step)")
        }
    }

    @Test func `a table forgets the keys that are nearest to full, and keeps to its bound`() {
        let allowance = Allowance(perSecond: 1, burst: 10 * second)
        var table = BucketTable<Int>(allowance, maximum: 100)
        for _ in 0..<10 { #expect(table.take(-1, at: 0) == nil) }
        for key in 0..<10_000 {
            #expect(table.take(key, at: 0) == nil)
            #expect(table.count <= 100)
        }
        #expect(table.take(-1, at: 0) == second, "the key that had used everything up was forgotten")
    }
}
