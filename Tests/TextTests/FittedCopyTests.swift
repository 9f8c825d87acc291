// What is kept takes the room that it is counted for.

import Testing

@testable import Text

struct FittedCopyTests {
    @Test(arguments: [0, 1, 100, 5_000])
    func `a fitted copy has the same bytes and no room for a second helping`(count: Int) {
        var grown = [UInt8](repeating: 7, count: count)
        grown.reserveCapacity(1 << 20)
        let fitted = grown.fitted()
        #expect(fitted == grown)
        // The allocator rounds up a little.
        #expect(fitted.capacity < count + 1_024)
    }
}
