import Catalog
import HTTP
import Libevent
import Synchronization
import System
import TestSupport
import TestTime
import Testing
import Time

@testable import Amalgam8
@testable import RegistryCore
@testable import Serving

struct RenderJobTests {
    private let account = RenderAccount(most: 1 << 20, ofNamespace: 1 << 20)
    private static let tenant = Namespace("a")

    private func job(at milliseconds: Int64 = 0) -> RenderJob {
        RenderJob(
            Self.key(), AmalgamList(namespace: Self.tenant, content: .services), nil, at: Self.moment(milliseconds),
            account)
    }

    private static func key(_ name: String = "", of namespace: Namespace = tenant) -> RenderKey {
        RenderKey(resource: .services, namespace: namespace, key: Array(name.utf8), variant: nil, isCompressed: false)
    }

    private static func moment(_ milliseconds: Int64) -> Moment {
        Moment(
            monotonic: MonotonicTime(milliseconds: milliseconds), lease: LeaseTime(milliseconds: milliseconds),
            wall: 0)
    }

    private static func revision(_ index: UInt64) -> Revision { Revision(digest: index, index: index) }

    @Test func `a list that has not begun may be joined by anybody, and is read at the time of the last`() {
        let job = job()
        #expect(job.join(at: Self.moment(5_000), Self.revision(2)))
        #expect(job.begin(Self.revision(2)).monotonic == 5_000)
    }

    @Test func `a list that has begun is for those who see what it saw, for a second`() {
        let job = job(at: 100)
        _ = job.begin(Self.revision(1))
        #expect(job.join(at: Self.moment(1_099), Self.revision(1)))
        #expect(!job.join(at: Self.moment(1_100), Self.revision(1)))
        // Somebody has been told meanwhile that the namespace has changed: what he asks for next must show it.
        #expect(!job.join(at: Self.moment(101), Self.revision(2)))
    }

    @Test func `a list is wanted as long as one of those who asked for it does`() {
        let job = job()
        #expect(job.join(at: Self.moment(0), Self.revision(1)))
        job.leave()
        #expect(!job.isUnwanted)
        job.leave()
        #expect(job.isUnwanted)
    }

    @Test func `all who wait are told once, and who comes late at once`() {
        final class Told: Sendable { let count = Atomic<Int>(0) }
        let job = job()
        let told = Told()
        for _ in 0..<3 { _ = job.whenDone { told.count.add(1, ordering: .relaxed) } }
        job.forget(job.whenDone { told.count.add(100, ordering: .relaxed) })
        #expect(told.count.load(ordering: .relaxed) == 0)
        job.finish(.refused(.renderingBusy))
        #expect(told.count.load(ordering: .relaxed) == 3)
        _ = job.whenDone { told.count.add(1, ordering: .relaxed) }
        #expect(told.count.load(ordering: .relaxed) == 4)
    }

    // MARK: - Threads

    /// Renderings that end when they are let.
    private final class Gate: Sendable {
        let begun = Mutex<[RenderKey]>([])
        private let open: Semaphore

        init() throws { open = try Semaphore() }

        func make(_ job: RenderJob) -> RenderOutcome {
            begun.withLock { $0.append(job.key) }
            _ = open.wait(until: MonotonicClock.now() + .seconds(30))
            return .refused(.noSuchService)
        }

        func letOneEnd() { open.signal() }

        func wait(forBegun count: Int) throws {
            let deadline = Deadline()
            while begun.withLock({ $0.count }) < count {
                guard deadline.remainingMilliseconds > 0 else {
                    throw WaitedInVain(for: "\(count) renderings to begin")
                }
            }
        }
    }

    private func threads(_ gate: Gate) -> RenderThreads { RenderThreads(account) { gate.make($0) } }

    private func ask(_ threads: RenderThreads, _ name: String, of namespace: Namespace = tenant, _ revision: UInt64 = 1)
        -> RenderJob?
    {
        threads.job(
            Self.key(name, of: namespace), AmalgamList(namespace: namespace, content: .services), nil,
            at: Self.moment(0),
            Self.revision(revision))
    }

    private func wait(for job: RenderJob) throws {
        let done = try WakeSignal()
        _ = job.whenDone { done.raise() }
        if !done.wait(until: MonotonicClock.now() + .seconds(30)) { throw WaitedInVain(for: "a rendering") }
    }

    @Test func `one tenant's lists keep no other's waiting, and the same list is made once for all who ask`() throws {
        let gate = try Gate()
        let threads = threads(gate)
        let first = try #require(ask(threads, "1"))
        try gate.wait(forBegun: 1)
        let second = try #require(ask(threads, "2"))
        #expect(ask(threads, "2") == second)
        #expect(ask(threads, "2", 2) == second)
        let others = try ["b", "c"].map { try #require(ask(threads, "1", of: Namespace($0))) }
        try gate.wait(forBegun: 3)
        #expect(threads.pending == 4)
        #expect(Set(gate.begun.withLock { $0.map(\.namespace) }).count == 3)
        for _ in 0..<4 { gate.letOneEnd() }
        for job in [first, second] + others { try wait(for: job) }
        #expect(threads.madeCount == 4)
        guard case .refused(.noSuchService) = second.outcome else {
            Issue.record("\(String(describing: second.outcome))")
            return
        }
    }

    @Test func `a list that nobody waits for any more is not made`() throws {
        let gate = try Gate()
        let threads = threads(gate)
        let first = try #require(ask(threads, "1"))
        try gate.wait(forBegun: 1)
        let second = try #require(ask(threads, "2"))
        second.leave()
        gate.letOneEnd()
        try wait(for: first)
        try wait(for: second)
        #expect(gate.begun.withLock { $0.count } == 1)
    }

    @Test func `so many lists of a namespace wait and no more`() throws {
        // R843 At most 256 such lists of a namespace wait, and 4,096 in all; one more, and one that is not made within
        // 60 seconds, is answered 503 with Retry-After. Namespaces take turns.
        #expect(RenderThreads.mostOfNamespace == 256 && RenderThreads.most == 4_096)
        let gate = try Gate()
        let threads = threads(gate)
        var jobs = [try #require(ask(threads, "first"))]
        try gate.wait(forBegun: 1)
        for number in 0..<RenderThreads.mostOfNamespace { jobs.append(try #require(ask(threads, "\(number)"))) }
        #expect(ask(threads, "one more") == nil)
        #expect(threads.refusedCount == 1)
        let other = try #require(ask(threads, "1", of: Namespace("b")))
        for job in jobs.dropFirst() { job.leave() }
        for _ in 0..<2 { gate.letOneEnd() }
        for job in jobs + [other] { try wait(for: job) }
    }
}
