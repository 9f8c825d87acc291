// A handful of stories whose every word is kept: how a member joins, how a client's answer waits, and what becomes of
// trouble.

import Catalog
import TestTime
import Testing
import Time

struct StoryTests {
    @Test func `a member joins another and copies it before it answers look-ups`() throws {
        let story = Story("a-member-joins", members: 2)
        story.members[0].start()
        story.simulation.run(for: Simulation.syncTimeout + 12_000)
        story.chapter("m0 runs alone, and a client registers an instance", milliseconds: 100) {
            story.register(1, at: story.members[0])
        }
        story.chapter("m1 starts", milliseconds: 8_000) { story.members[1].start() }
        story.chapter("a client registers an instance at m1", milliseconds: 100) {
            story.register(2, at: story.members[1])
        }
        try story.check()
    }

    @Test func `a client is answered without a member that does not acknowledge, which is waited for again later`()
        throws
    {
        let story = Story("a-member-is-left-out", members: 2)
        story.startAll()
        story.chapter("m1 is stopped, and a client registers an instance at m0", milliseconds: 1_000) {
            story.members[1].pause()
            story.register(1, at: story.members[0])
        }
        story.chapter("another client comes", milliseconds: 500) { story.register(2, at: story.members[0]) }
        story.chapter("m1 goes on", milliseconds: 8_000) { story.members[1].resume() }
        story.chapter("a third client comes", milliseconds: 100) { story.register(3, at: story.members[0]) }
        try story.check()
    }

    @Test func `two members that cannot reach one another hear each other through a third`() throws {
        let story = Story("two-hear-each-other-through-a-third", members: 3)
        story.startAll()
        story.chapter("m0 and m1 can no longer reach one another", milliseconds: 8_000) {
            story.cut(story.members[0], story.members[1])
        }
        story.chapter("a client registers an instance at m0", milliseconds: 200) {
            story.register(1, at: story.members[0])
        }
        #expect(story.members[1].sees(ClusterStoryTests.key(1)) != nil)
        story.chapter("they reach one another again", milliseconds: 12_000) { story.simulation.network.mendAll() }
        try story.check()
    }

    @Test func `a member that was stopped for long holds its leases until it has heard the other`() throws {
        let story = Story("a-member-was-stopped", members: 2)
        story.startAll()
        story.chapter("a client registers an instance at m0 for ten seconds", milliseconds: 100) {
            story.register(1, at: story.members[0], ttl: 10_000)
        }
        story.chapter("m1 is stopped for eight seconds", milliseconds: 8_000) { story.members[1].pause() }
        story.chapter("m1 goes on", milliseconds: 8_000) { story.members[1].resume() }
        #expect(story.members.allSatisfy { $0.sees(ClusterStoryTests.key(1)) == nil })
        try story.check()
    }

    @Test func `a member that leaves has told everything before it says goodbye`() throws {
        let story = Story("a-member-leaves", members: 2)
        story.startAll()
        story.chapter("a client registers an instance at m1, which is told to stop at once", milliseconds: 400) {
            story.register(1, at: story.members[1])
            story.members[1].leave()
        }
        #expect(story.members[0].sees(ClusterStoryTests.key(1)) != nil)
        try story.check()
    }
}
