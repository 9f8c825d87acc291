// One list that is rendered on a render thread, for all clients that wait for it. A request that asks for the same
// joins the list that another began, as long as nothing has changed since: an acknowledged change is in every list that
// a client requests afterwards.
//
//   waiting ──its turn──► running ──► done (told to all who wait)
//      │ anybody may join        │ those may join who see the revision that it began with, for a second
//      └── nobody waits for it any more: dropped when its turn comes

package import Catalog
import HTTP
import Libevent
import RegistryCore
import Synchronization
import Time

/// What distinguishes one rendering from another.
struct RenderKey: Hashable, Sendable {
    let resource: ListedResource
    let namespace: Namespace
    /// The bytes of the request that ask for it.
    let key: [UInt8]
    /// What else the list depends on.
    let variant: String?
    let isCompressed: Bool
}

/// What a rendering came to.
enum RenderOutcome: Sendable {
    case made(RenderedAnswer)
    case refused(Refused)
}

/// A list to be made, being made, or made. Safe to use from any thread.
package final class RenderJob: Sendable {
    /// How long others may join a list that is being made: what they get lags so far behind at most when it is begun.
    static let joinable: Duration = Validity.maximumAge

    private struct State {
        var instant: Moment
        /// The namespace's when it began.
        var revision: Revision?
        var outcome: RenderOutcome?
        /// How many calls want it.
        var interest = 1
        /// The waiters to wake when it is done.
        var waiters: [UInt64: @Sendable () -> Void] = [:]
        var lastWaiter: UInt64 = 0
    }

    let key: RenderKey
    package let request: any ListRequest
    /// The list, where it is made already and is to be compressed.
    let plain: RenderedAnswer?
    let loan: RenderLoan
    private let state: Mutex<State>

    init(
        _ key: RenderKey, _ request: any ListRequest, _ plain: RenderedAnswer?, at instant: Moment,
        _ account: RenderAccount
    ) {
        self.key = key
        self.request = request
        self.plain = plain
        loan = RenderLoan(of: account, for: key.namespace)
        state = Mutex(State(instant: instant))
    }

    // MARK: - Joining

    /// Has a request that arrives now, and finds the namespace at this revision, wait for this list, if it may. One
    /// that has not begun will be read at that time.
    package func join(at instant: Moment, _ revision: Revision) -> Bool {
        state.withLock { state in
            if let began = state.revision ?? plain?.revision {
                guard began == revision, instant.monotonic - state.instant.monotonic < Self.joinable else {
                    return false
                }
            } else {
                state.instant = instant
            }
            state.interest += 1
            return true
        }
    }

    /// A waiter that began or joined it does not want it any more.
    package func leave() { state.withLock { $0.interest -= 1 } }

    /// Whether no waiter wants it any more.
    var isUnwanted: Bool { state.withLock { $0.interest <= 0 } }

    /// Has a closure called, on whatever thread, once the list is there or refused; at once if it is. Returns what
    /// stands for it.
    func whenDone(_ tell: @escaping @Sendable () -> Void) -> UInt64 {
        let (ticket, isDone) = state.withLock { state in
            state.lastWaiter += 1
            if state.outcome == nil { state.waiters[state.lastWaiter] = tell }
            return (state.lastWaiter, state.outcome != nil)
        }
        if isDone { tell() }
        return ticket
    }

    /// The waiter that leaves is not woken.
    func forget(_ ticket: UInt64) { state.withLock { _ = $0.waiters.removeValue(forKey: ticket) } }

    /// What it came to; nil before it is done.
    var outcome: RenderOutcome? { state.withLock { $0.outcome } }

    // MARK: - Making

    /// It begins now, and shows the namespace at this revision or a later one; returns the time at which the last
    /// waiter joined.
    package func begin(_ revision: Revision) -> Moment {
        state.withLock { state in
            state.revision = revision
            return state.instant
        }
    }

    /// It is done; all waiters are woken.
    func finish(_ outcome: RenderOutcome) {
        let waiters = state.withLock { state in
            state.outcome = outcome
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.self)
        }
        for tell in waiters { tell() }
    }
}

extension RenderJob: Equatable {
    package static func == (one: RenderJob, other: RenderJob) -> Bool { one === other }
}

extension RenderJob {
    /// Renders the list, or compresses the one that there is, on a render thread.
    func make(from lookup: Lookup, _ connectionLimits: ConnectionLimits, keeping services: any ServiceRenderings)
        -> RenderOutcome
    {
        if let plain {
            _ = begin(plain.revision)
            return compressed(plain)
        }
        let revision = lookup.revision(of: key.namespace)
        let instant = begin(revision)
        var rendering = ListRendering(
            key.resource.format, of: key.namespace, from: lookup, connectionLimits, at: instant, keeping: services,
            .beside(loan) { self.isUnwanted })
        do throws(RenderStop) {
            let list = try request.make(&rendering)
            rendering.scratch = []
            let answer = RenderedAnswers.answer(
                list, key.resource, request, key.key[...], revision, from: lookup)
            return key.isCompressed && answer.body.count >= Compression.threshold ? compressed(answer) : .made(answer)
        } catch {
            switch error {
            case .tooLong: return .refused(.renderingTooLarge)
            case .refused(let refused): return .refused(refused)
            }
        }
    }

    /// An answer with its body in gzip, if that is smaller and its memory is allowed.
    private func compressed(_ answer: RenderedAnswer) -> RenderOutcome {
        _ = answer.compress { loan.take($0) }
        return .made(answer)
    }
}
