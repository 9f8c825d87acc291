// What the replication thread tells the others by a few words of memory.

import TestTime
import Testing
import Time

@testable import ReplicationServer

struct ClusterSnapshotTests {
    @Test(arguments: [(-3, -3_000_000), (0, 0), (.max, .max), (.min, .min)] as [(Int64, Int64)])
    func `a correction is told in nanoseconds, or the nearest that there are`(milliseconds: Int64, nanoseconds: Int64) {
        let board = ClusterSnapshot(at: 0)
        board.correctClock(milliseconds: milliseconds)
        #expect(board.clockCorrection == nanoseconds)
    }

    @Test func `before a member has judged anything it says until when it looks for others at the latest`() {
        #expect(ClusterSnapshot(at: 1_000, syncTimeout: 30_000).readiness?.until == 31_000)
        #expect(ClusterSnapshot(at: 1_000, usesDirectory: true, syncTimeout: 30_000).readiness?.until == nil)
    }
}
