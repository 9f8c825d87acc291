// One thread wakes another: at once, once, and for all who wait.

import Glibc
import Synchronization
import System
import TestTime
import Testing
import Time

struct WakeSignalTests {
    @Test func `a signal is up from its raising to its lowering, however often it was raised`() throws {
        let signal = try WakeSignal()
        #expect(!signal.isRaised)
        for _ in 0..<100_000 { signal.raise() }
        #expect(signal.isRaised && signal.wait(until: MonotonicClock.now() + 60_000))
        signal.lower()
        #expect(!signal.isRaised)
    }

    @Test func `a wait never ends before its moment`() throws {
        let signal = try WakeSignal()
        for interval in [0, 1, 20] as [Duration] {
            let moment = MonotonicClock.now() + interval
            #expect(!signal.wait(until: moment))
            #expect(MonotonicClock.now() >= moment)
        }
    }

    @Test func `who waits is woken, also several for whom it stays up`() throws {
        let signal = try WakeSignal()
        let woken = Atomic<Int>(0)
        let threads = try (0..<3).map { index in
            try NamedThread("waits-\(index)") {
                if signal.wait(until: MonotonicClock.now() + 60_000) { woken.add(1, ordering: .relaxed) }
            }
        }
        signal.raise()
        for thread in threads { thread.join() }
        #expect(woken.load(ordering: .relaxed) == 3)
    }
}

struct NamedThreadTests {
    @Test func `a thread gets no signals but those of its own faults`() throws {
        final class Mask: Sendable {
            let blocked = Mutex<[Int32]>([])
        }
        let mask = Mask()
        let thread = try NamedThread("a name that is too long for the kernel") {
            var set = sigset_t()
            pthread_sigmask(SIG_SETMASK, nil, &set)
            let blocked = [SIGTERM, SIGPIPE, SIGHUP, SIGSEGV, SIGILL].filter { sigismember(&set, $0) == 1 }
            mask.blocked.withLock { $0 = blocked }
        }
        thread.join()
        #expect(mask.blocked.withLock { $0 } == [SIGTERM, SIGPIPE, SIGHUP])
    }
}
