// Long answers are counted by network, and come back with time.

import TestTime
import Testing
import Text
import Time

@testable import DNS

struct PrefixLimiterTests {
    /// Takes as an expression.
    private final class Limiter {
        private var value: PrefixLimiter
        init(perSecond: Int?) { value = PrefixLimiter(perSecond: perSecond) }
        func take(_ client: IPAddress, at now: MonotonicTime) -> Bool { value.take(client, at: now) }
    }

    private let start = MonotonicTime(nanoseconds: 1_000_000_000_000)

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test func `a network shares an allowance, and other networks have their own`() throws {
        let limiter = Limiter(perSecond: 10)
        for number in 0..<10 { #expect(limiter.take(try address("10.0.0.\(number)"), at: start)) }
        #expect(!limiter.take(try address("10.0.0.99"), at: start))
        #expect(limiter.take(try address("10.0.1.1"), at: start))
        for number in 0..<10 { #expect(limiter.take(try address("fd00::\(number)"), at: start)) }
        #expect(!limiter.take(try address("fd00:0:0:ff::1"), at: start))
        #expect(limiter.take(try address("fd00:0:0:100::1"), at: start))
    }

    @Test func `the allowance comes back with time`() throws {
        let limiter = Limiter(perSecond: 10)
        let client = try address("192.0.2.1")
        for _ in 0..<10 { #expect(limiter.take(client, at: start)) }
        #expect(!limiter.take(client, at: start + .milliseconds(99)))
        #expect(limiter.take(client, at: start + .milliseconds(100)))
        #expect(!limiter.take(client, at: start + .milliseconds(100)))
        for _ in 0..<10 { #expect(limiter.take(client, at: start + .seconds(10))) }
        #expect(!limiter.take(client, at: start + .seconds(10)))
    }

    @Test func `loopback has no limit, and neither has anybody when it is off`() throws {
        let (limited, off) = (Limiter(perSecond: 1), Limiter(perSecond: nil))
        for _ in 0..<100 {
            #expect(limited.take(try address("127.0.0.1"), at: start))
            #expect(limited.take(try address("::1"), at: start))
            #expect(off.take(try address("192.0.2.1"), at: start))
        }
    }

    @Test func `however many networks ask, what is remembered is bounded`() {
        var limiter = PrefixLimiter(perSecond: 1)
        for number in 0..<100_000 as Range<UInt32> { _ = limiter.take(IPAddress(four: number << 8), at: start) }
        #expect(limiter.count <= 4_096)
    }
}
