// The end of a link that listens: it asks for everything, merges what comes, acknowledges changes, and finds out by
// digests what is missing. Merging a state twice, late or out of order changes nothing, so copy, changes and repairs
// may overlap as they like.
//
//     proven ──► asked ── copy starts ──► copying ── its end, whole ──► streaming
//                  ▲                         │ ▲                           │
//                  └──── not whole, once ────┘ └── copy starts (a gap) ────┘
//
// Changes are merged in every state. A second copy in a row that is not whole closes the link.

import Catalog
import Time

/// The subscriber's side of one link, from the proof on.
struct SubscriberSession {
    enum State {
        case asked(at: MonotonicTime)
        case copying(CopySummary, since: MonotonicTime)
        case streaming
    }

    /// States to be asked for that are remembered. What is beyond is found again by the next comparison.
    private static let wantedLimit = 16_384

    private(set) var state: State
    /// Whether the other end's digests count overrides.
    private let countsOverrides: Bool
    private(set) var comparison = DigestComparison()
    private(set) var received: UInt64 = 0
    private var acknowledged: UInt64 = 0
    /// What the publisher has and we lack.
    private var wanted: Set<StateKey> = []
    private var failedCopies = 0

    /// Asks for everything.
    init(at time: NodeTime, countsOverrides: Bool, into effects: inout [SessionEffect]) {
        self.countsOverrides = countsOverrides
        state = .asked(at: time.monotonic)
        effects.append(.send(FrameCodec.encode(.subscribe)))
    }

    var isStreaming: Bool {
        if case .streaming = state { true } else { false }
    }

    var isCopying: Bool {
        if case .copying = state { true } else { false }
    }

    /// Asks for everything again.
    mutating func subscribeAgain(at time: NodeTime, into effects: inout [SessionEffect]) {
        self.state = .asked(at: time.monotonic)
        effects.append(.send(FrameCodec.encode(.subscribe)))
    }

    // MARK: - What the publisher says

    /// - Parameter renewing: whether leases of what is new here begin anew.
    mutating func received(
        _ frame: Frame, store: Store, believing belief: StampBelief, renewing: Bool = false, at time: NodeTime,
        into effects: inout [SessionEffect]
    ) throws(FrameError) {
        switch frame {
        case .copyStart:
            state = .copying(CopySummary(count: 0, hash: 0, isReady: false), since: startOfCopy(at: time))
        case .copy(let states):
            tell(try merge(states, from: store, believing: belief, renewing, at: time).dirtyShards, into: &effects)
            // Without its beginning it is the rest of a copy that we no longer want whole.
            guard case .copying(var summary, let since) = state else { break }
            summary.count += UInt64(states.count)
            summary.hash = WireHash.joined(summary.hash, states.hash)
            state = .copying(summary, since: since)
        case .copyEnd(let summary):
            try endCopy(summary, at: time, into: &effects)
        case .changes(let states):
            try merge(states, from: store, believing: belief, renewing, at: time)
            received += UInt64(states.count)
            effects.append(.heard(states))
        case .relayed(let states):
            let dirtyShards = try merge(states, from: store, believing: belief, renewing, at: time).dirtyShards
            received += UInt64(states.count)
            effects.append(.relayHeard(states))
            tell(dirtyShards, into: &effects)
        case .states(let states):
            let merged = try merge(states, from: store, believing: belief, renewing, at: time)
            if merged.applied > 0 { effects.append(.repaired(merged.applied)) }
            tell(merged.dirtyShards, into: &effects)
        case .root(let root):
            let own = store.digest(countingOverrides: countsOverrides)
            let differ = comparison.compare(root: root, with: own.root)
            if differ { effects.append(.send(FrameCodec.encode(.askBuckets))) }
        case .buckets(let buckets):
            let own = store.digest(countingOverrides: countsOverrides)
            act(comparison.compare(buckets: buckets, with: own.buckets), at: time, into: &effects)
        case .keys(let keys, let isCut):
            try compare(keys, with: store, believing: belief, at: time)
            act(comparison.next(afterCut: isCut), at: time, into: &effects)
        case .unknown:
            break
        default:
            throw .unexpected
        }
    }

    /// When the copy that begins now was asked for; of one that was not asked for (after a gap), now. Monotonic
    /// milliseconds.
    private func startOfCopy(at time: NodeTime) -> MonotonicTime {
        if case .asked(let at) = state { at } else { time.monotonic }
    }

    private mutating func endCopy(_ summary: CopySummary, at time: NodeTime, into effects: inout [SessionEffect])
        throws(FrameError)
    {
        guard case .copying(let merged, let since) = state else { return }
        if merged.count == summary.count, merged.hash == summary.hash {
            failedCopies = 0
            state = .streaming
            effects.append(.copied(summary, duration: time.monotonic - since))
        } else {
            failedCopies += 1
            guard failedCopies < 2 else { throw .value }
            effects.append(.copyFailed)
            subscribeAgain(at: time, into: &effects)
        }
    }

    private func tell(_ dirtyShards: [Replicated], into effects: inout [SessionEffect]) {
        if !dirtyShards.isEmpty { effects.append(.dirtyShards(dirtyShards)) }
    }

    /// Returns how many states changed anything here, and which were new.
    @discardableResult
    private mutating func merge(
        _ states: States, from store: Store, believing belief: StampBelief, _ renewing: Bool, at time: NodeTime
    ) throws(FrameError) -> (applied: Int, dirtyShards: [Replicated]) {
        var (applied, dirtyShards) = (0, [] as [Replicated])
        for state in states.states {
            try belief.check(state.replica.version)
            try belief.check(state.replica.override)
            switch renewing ? store.restore(state, at: time.moment) : store.merge(state, at: time.moment) {
            case .applied:
                applied += 1
                dirtyShards.append(state)
            case .renewed: dirtyShards.append(state)
            case .missing: if let id = state.replica.id { want(StateKey(namespace: state.namespace, id: id)) }
            // This member's state being newer, the other end gets it from here: it subscribes too.
            case .redundant, .stale, .dead: break
            }
        }
        return (applied, dirtyShards)
    }

    private mutating func want(_ key: StateKey) {
        if wanted.count < Self.wantedLimit { wanted.insert(key) }
    }

    private mutating func compare(
        _ keys: [KeyedVersion], with store: Store, believing belief: StampBelief, at time: NodeTime
    ) throws(FrameError) {
        for key in keys {
            try belief.check(key.version)
            try belief.check(key.override)
            let own = store.state(of: key.id, in: key.namespace, at: time.moment)
            if let own, own.replica.version >= key.version, own.replica.hasOverride(asLateAs: key.override) { continue }
            want(StateKey(namespace: key.namespace, id: key.id))
        }
    }

    private mutating func act(
        _ finding: DigestComparison.Finding, at time: NodeTime, into effects: inout [SessionEffect]
    ) {
        switch finding {
        case .nothing: break
        case .askKeys(let buckets): effects.append(.send(FrameCodec.encode(.askKeys(buckets))))
        case .askCopy: subscribeAgain(at: time, into: &effects)
        }
    }

    // MARK: - What we say

    /// Acknowledges what has come since the last time.
    mutating func acknowledge(into effects: inout [SessionEffect]) {
        guard received > acknowledged else { return }
        acknowledged = received
        effects.append(.send(FrameCodec.encode(.acknowledge(changes: received))))
    }

    /// Asks for states that are missing, a bounded number each time.
    mutating func askForWanted(into effects: inout [SessionEffect]) {
        guard !wanted.isEmpty else { return }
        let keys = Array(wanted.prefix(PublisherSession.statesPerQuestion))
        wanted.subtract(keys)
        for part in FrameCodec.parts(of: keys) { effects.append(.send(FrameCodec.encode(.askStates(part)))) }
    }
}

extension Replica {
    /// The version of its override; `none` without one.
    fileprivate var override: Version {
        switch self {
        case .present(let instance, _, _): instance.override?.version ?? .none
        case .absent(_, _, _, let override): override?.version ?? .none
        case .service(_, let override): override.version
        case .renewed: .none
        }
    }

    /// Whether an override of this version would change nothing here.
    fileprivate func hasOverride(asLateAs version: Version) -> Bool {
        guard version != .none, case .present = self else { return true }
        return override >= version
    }
}
