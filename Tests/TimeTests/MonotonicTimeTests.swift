import Testing
import Time

struct MonotonicTimeTests {
    @Test func `a difference is the interval that leads from one instant to the other`() {
        let (early, late) = (MonotonicTime(milliseconds: 1_500), MonotonicTime(nanoseconds: 1_750_000_001))
        #expect(late - early == .nanoseconds(250_000_001))
        #expect(early - late == .nanoseconds(-250_000_001))
        #expect(early + (late - early) == late)
        #expect(late - (late - early) == early)
        #expect(late.nanoseconds(since: early) == 250_000_001)
        #expect(late.milliseconds == 1_750, "rounded down")
        #expect(early < late)
    }

    @Test(arguments: [
        (MonotonicTime.distantFuture + .seconds(1), MonotonicTime.distantFuture),
        (MonotonicTime.distantPast - .seconds(1), .distantPast),
        (MonotonicTime(milliseconds: .max), .distantFuture), (MonotonicTime(milliseconds: .min), .distantPast),
        (MonotonicTime(milliseconds: 1) + .forever, .distantFuture),
        (MonotonicTime(milliseconds: 1) + .seconds(Int64.max), .distantFuture),
        (MonotonicTime(milliseconds: -5) - .seconds(Int64.max), .distantPast),
    ])
    func `what is too large to be represented saturates`(sum: MonotonicTime, expected: MonotonicTime) {
        #expect(sum == expected)
    }

    @Test func `the distance between the ends of time saturates`() {
        #expect(MonotonicTime.distantFuture.nanoseconds(since: .distantPast) == .max)
        #expect(MonotonicTime.distantPast.nanoseconds(since: .distantFuture) == .min)
        #expect(MonotonicTime.distantPast.nanoseconds(since: MonotonicTime(nanoseconds: 0)) == .min)
    }

    @Test(arguments: [
        (Duration.seconds(2), Int64(2_000)), (.milliseconds(1_999), 1_999), (.nanoseconds(1_999_999), 1),
        (.nanoseconds(-1_999_999), -1), (.zero, 0), (.forever, Int64.max / 1_000_000),
        (.seconds(Int64.min), Int64.min / 1_000_000),
    ])
    func `milliseconds of a duration are rounded towards zero`(duration: Duration, expected: Int64) {
        #expect(duration.wholeMilliseconds == expected)
    }
}
