// A member that leaves tells everybody everything, and takes its file away at last. Whoever ends the process waits for
// as long as all of that takes.

import TestTime
import Testing
import Time

@testable import ReplicationServer

struct LeavingTests {
    @Test func `a member has left within 3_2 s, whoever is stuck`() {
        #expect(ReplicationService.longestLeave <= 3_200)
        // What everybody may take to acknowledge, and the bytes of those who did not, come before the directory does.
        #expect(ReplicationLoop.longestLeave < ReplicationService.longestLeave)
    }
}
