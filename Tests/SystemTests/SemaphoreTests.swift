import Synchronization
import System
import TestTime
import Testing
import Time

struct SemaphoreTests {
    @Test func `as many go on as were let, each once`() throws {
        let semaphore = try Semaphore()
        #expect(!semaphore.wait(until: 0))
        for _ in 0..<3 { semaphore.signal() }
        for _ in 0..<3 { #expect(semaphore.wait(until: 0)) }
        #expect(!semaphore.wait(until: MonotonicClock.now() + 1))
    }

    @Test func `who waits goes on when it is let`() throws {
        let semaphore = try Semaphore()
        let passed = Atomic<Int>(0)
        let threads = try (0..<4).map { index in
            try NamedThread("waits-\(index)") {
                NamedThread.yieldToOthers(1)
                if semaphore.wait(until: MonotonicClock.now() + 60_000) { passed.add(1, ordering: .relaxed) }
            }
        }
        for _ in threads { semaphore.signal() }
        for thread in threads { thread.join() }
        #expect(passed.load(ordering: .relaxed) == 4)
    }
}
