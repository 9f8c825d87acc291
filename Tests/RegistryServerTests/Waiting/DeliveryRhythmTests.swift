// When changes are delivered, as a table. Time is an argument.

import TestTime
import Testing
import Time

@testable import Serving

struct DeliveryRhythmTests {
    @Test func `the first change after a quiet time is delivered at once, and what follows together`() {
        var rhythm = DeliveryRhythm()
        #expect(rhythm.next(at: 1_000) == 1_000)
        rhythm.delivered(at: 1_000)
        for time in [1_000, 1_001, 1_019] as [MonotonicTime] { #expect(rhythm.next(at: time) == 1_020) }
        #expect(rhythm.next(at: 1_020) == 1_020)
        rhythm.delivered(at: 1_020)
        // Nothing comes within the next interval.
        #expect(rhythm.next(at: 1_041) == 1_041)
    }
}
