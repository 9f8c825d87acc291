// Lists that would hold a loop for long are rendered on threads of their own, a few at a time. The kernel shares the
// processors among them, and gives the loops the preference; a namespace has one at a time, so that a tenant with many
// lists gets no more than another with one. There are no threads while there are no such lists.

import Catalog
import RegistryCore
import Synchronization
import System
import Time

/// Renders lists on threads of their own. Safe to use from any thread.
package final class RenderThreads: Sendable {
    /// How many lists are made at a time.
    static let mostThreads = 4
    /// How many may wait of one namespace, and in all.
    static let mostOfNamespace = 256
    package static let most = 4_096
    /// How long a thread without work stays.
    private static let idleTime: Duration = .seconds(5)
    /// How much the loops are preferred, as nice(1) counts it: threefold. With more, a loop might wait long for a lock
    /// of the catalog that is held by a thread that gets no turn.
    private static let niceness: Int32 = 5

    private struct State {
        var schedule = RenderSchedule<RenderJob>(capacity: RenderThreads.mostOfNamespace)
        /// The newest of each key, until it is done.
        var jobs: [RenderKey: RenderJob] = [:]
        var threads = 0
        var busy = 0
    }

    package let account: RenderAccount
    private let make: @Sendable (RenderJob) -> RenderOutcome
    private let state = Mutex(State())
    /// Counts jobs that may begin. Nil where the kernel had no descriptor: then nothing is made here.
    private let work = try? Semaphore()
    private let refusals = Atomic<UInt64>(0)
    private let made = Atomic<UInt64>(0)

    /// - Parameter make: makes a list, on one of the threads.
    init(_ account: RenderAccount, make: @escaping @Sendable (RenderJob) -> RenderOutcome) {
        self.account = account
        self.make = make
    }

    /// Lists made, and refused, since the start.
    package var madeCount: UInt64 { made.load(ordering: .relaxed) }
    package var refusedCount: UInt64 { refusals.load(ordering: .relaxed) }
    /// Lists that wait or are being made.
    package var pending: Int { state.withLock { $0.schedule.count + $0.busy } }
    /// Whether there are threads now.
    package var isRunning: Bool { state.withLock { $0.threads > 0 } }

    /// The rendering that answers this request: one that is under way, or a new one. Nil when too many wait, or no
    /// thread can be had.
    ///
    /// - Parameter revision: the namespace's when the request arrived.
    func job(
        _ key: RenderKey, _ request: any ListRequest, _ plain: RenderedAnswer?, at instant: Moment,
        _ revision: Revision
    ) -> RenderJob? {
        guard let work else { return nil }
        let (job, isNew, needsThread) = state.withLock { state -> (RenderJob?, Bool, Bool) in
            if let job = state.jobs[key], job.join(at: instant, revision) { return (job, false, false) }
            let job = RenderJob(key, request, plain, at: instant, account)
            guard state.schedule.count < Self.most, state.schedule.append(job, of: key.namespace) else {
                return (nil, false, false)
            }
            state.jobs[key] = job
            let needsThread = state.threads < Self.mostThreads && state.threads - state.busy < state.schedule.count
            if needsThread { state.threads += 1 }
            return (job, true, needsThread)
        }
        guard let job else {
            refusals.add(1, ordering: .relaxed)
            return nil
        }
        if needsThread, !start() {
            job.leave()
            return nil
        }
        if isNew { work.signal() }
        return job
    }

    /// Starts a thread; false when there is none at all.
    private func start() -> Bool {
        if let thread = try? NamedThread("render", { self.run() }) {
            thread.detach()
            return true
        }
        return state.withLock { state in
            state.threads -= 1
            return state.threads > 0
        }
    }

    // MARK: - On the threads

    private func run() {
        NamedThread.yieldToOthers(Self.niceness)
        while true {
            while let job = next() { run(job) }
            guard let work, !work.wait(until: MonotonicClock.now() + Self.idleTime) else { continue }
            if end() { return }
        }
    }

    private func next() -> RenderJob? {
        state.withLock { state in
            guard let job = state.schedule.next() else { return nil }
            state.busy += 1
            return job
        }
    }

    private func run(_ job: RenderJob) {
        let outcome = job.isUnwanted ? RenderOutcome.refused(.renderingAbandoned) : make(job)
        switch outcome {
        case .refused(.renderingTooLarge): refusals.add(1, ordering: .relaxed)
        case .refused(.renderingAbandoned): break
        case .made, .refused: made.add(1, ordering: .relaxed)
        }
        // From here on it is kept for others or waits for its clients, and is counted there.
        job.loan.release()
        let mayBegin = state.withLock { state in
            state.busy -= 1
            state.schedule.finish(job.key.namespace)
            // A newer one may stand there.
            if state.jobs[job.key] === job { state.jobs[job.key] = nil }
            return state.schedule.hasTurns
        }
        job.finish(outcome)
        // It may have waited for this one to end.
        if mayBegin { work?.signal() }
    }

    /// Ends this thread, unless something has come meanwhile.
    private func end() -> Bool {
        state.withLock { state in
            guard !state.schedule.hasTurns else { return false }
            state.threads -= 1
            return true
        }
    }
}
