// What a stop takes when all that can hang does.

import Testing

@testable import RegistryServer

struct StopTimeTests {
    @Test func `a process ends by itself before containers are killed, which is after ten seconds`() {
        #expect(RegistryProcess.longestStop < 9_000)
    }

    @Test func `a member of a cluster has the time that leaving takes, and more`() {
        #expect(RegistryProcess.leaveTime > RegistryProcess.longestLeave)
    }
}
