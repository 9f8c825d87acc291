// The serial of a zone follows the times of changes, and never goes back.

import DNS
import TestRandom
import Testing

struct ZoneSerialTests {
    private static let step: UInt64 = 1 << 14

    @Test func `it is the time of the last change in steps, and 1 without one`() {
        var serial = ZoneSerial()
        #expect(serial.value([]) == 1)
        #expect(serial.value([7 * Self.step + 1, 2 * Self.step]) == 7)
        #expect(serial.value([7 * Self.step + 1, 2 * Self.step]) == 7)
        var other = ZoneSerial()
        #expect(other.value([7 * Self.step + 9, 2 * Self.step]) == 7)
    }

    @Test func `a change within a step, of an older namespace, or back is one more`() {
        var serial = ZoneSerial()
        #expect(serial.value([100 * Self.step, 1]) == 100)
        #expect(serial.value([100 * Self.step + 1, 1]) == 101)
        #expect(serial.value([100 * Self.step + 1, 50 * Self.step]) == 102)
        #expect(serial.value([1, 1]) == 103)
        #expect(serial.value([200 * Self.step, 1]) == 200)
    }

    @Test func `each change is later than the one before by RFC 1982, also where the number begins anew`() {
        var generator = SplitMix64(seed: 1982)
        var (serial, index) = (ZoneSerial(), UInt64(UInt32.max - 5) << 14)
        var last = serial.value([index])
        #expect(last == UInt32.max - 5)
        for _ in 0..<1_000 {
            // Up to a year between two changes.
            let most = UInt64(31_536_000_000_000) >> UInt64.random(in: 0...40, using: &generator)
            index += UInt64.random(in: 1...most, using: &generator)
            let next = serial.value([index])
            #expect(Int32(bitPattern: next &- last) > 0, "\(last) then \(next)")
            last = next
        }
    }
}
