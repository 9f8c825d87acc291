// A lease's length in four bytes.

import Testing

@testable import Catalog

struct CompactLeaseTests {
    @Test(arguments: [0, 1, 30_001, 86_400_001, (1 << 31) - 1] as [Int64])
    func `a lease of less than 24 days lasts for as long as it says, to the millisecond`(milliseconds: Int64) {
        #expect(CompactLease(milliseconds).milliseconds == milliseconds)
    }

    @Test(arguments: [1 << 31, (1 << 31) + 1, 31_536_000_001, (1 << 31) * 1_000 - 2_000] as [Int64])
    func `a longer one lasts for less than a second more`(milliseconds: Int64) {
        let kept = CompactLease(milliseconds).milliseconds
        #expect(kept >= milliseconds && kept - milliseconds < 1_000)
    }

    @Test(arguments: [(1 << 31) * 1_000, 1 << 50, .max] as [Int64])
    func `one that no process outlives never ends`(milliseconds: Int64) {
        #expect(CompactLease(milliseconds).milliseconds == Instance.endless)
    }
}
