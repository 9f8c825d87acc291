// The end of a link that publishes: everything first, then all changes. A subscriber joins the broadcast before its
// copy begins, so that no change falls between the two; a slow one loses its changes, and gets a copy once it can take
// one. That bounds the changes; answers are bounded by the node, which closes a link that asks on and on and reads
// nothing (`NodeLimits.queueSlackBytes`).
//
//     proven ── subscribe ──► copying ── all is sent ──► streaming
//                              ▲   │                         │
//               queue drained  │   │  queue over its bound   │
//                              │   ▼                         │
//                            overflowed ◄────────────────────┘
//
// Changes are broadcast in `copying` and `streaming`, the root of the digest is sent in `streaming`, questions are
// answered in both.

import Catalog
import Time

/// The publisher's side of one link, from the proof on.
struct PublisherSession {
    enum State {
        /// The other end has not asked for anything yet.
        case proven
        case copying(CopyCursor, CopySummary)
        case streaming
        case overflowed
    }

    /// States in a piece of a copy. The largest instances, of legacy peers, are some 256 kB, so a piece is at most 8
    /// MB, and mostly 8 kB.
    private static let copyPiece = 32
    /// Pieces for one call, so that a copy never keeps the thread from live changes for long.
    private static let piecesPerCall = 64
    /// The states that may be asked for in one question.
    static let statesPerQuestion = 1_000
    /// The buckets that may be asked for in one question.
    static let bucketsPerQuestion = 64

    private let limits: NodeLimits
    /// Whether the other end's digests count overrides.
    private let countsOverrides: Bool
    private(set) var state = State.proven
    private(set) var lag = SubscriptionLag()
    /// The bytes that wait on the link, as far as we know: the shell tells when they have gone out.
    private(set) var queuedBytes = 0
    /// The members whose changes are to be passed on.
    private(set) var relays: Set<MemberID> = []
    private var nextRoot: MonotonicTime = .zero

    init(limits: NodeLimits, countsOverrides: Bool) {
        self.limits = limits
        self.countsOverrides = countsOverrides
    }

    /// Whether the other end has asked for everything.
    var isSubscribed: Bool {
        if case .proven = state { false } else { true }
    }

    var isStreaming: Bool {
        if case .streaming = state { true } else { false }
    }

    var isCopying: Bool {
        if case .copying = state { true } else { false }
    }

    var hasOverflowed: Bool {
        if case .overflowed = state { true } else { false }
    }

    // MARK: - Changes

    /// Sends changes, or drops them when too much waits.
    mutating func broadcast(_ changes: EncodedStates, at now: MonotonicTime, into effects: inout [SessionEffect]) {
        guard isCopying || isStreaming else { return }
        guard queuedBytes + changes.frame.count <= limits.queueBytes, lag.changes + changes.count <= limits.queueChanges
        else {
            state = .overflowed
            effects.append(.overflowed)
            return
        }
        lag.sent(changes.count, at: now)
        send(changes.frame, into: &effects)
        effects.append(.sentChanges(changes.count))
    }

    /// So many bytes are still queued.
    mutating func drained(_ queuedBytes: Int) {
        self.queuedBytes = queuedBytes
    }

    /// Goes on with a copy as far as the link takes it, or begins one on a link that has drained.
    mutating func pump(
        _ store: Store, isReady: Bool, isExtended: Bool, at time: NodeTime, into effects: inout [SessionEffect]
    ) {
        if hasOverflowed, queuedBytes < limits.copyBytesInFlight, lag.changes <= limits.queueChanges / 2 {
            startCopy(afterGap: true, isReady: isReady, into: &effects)
        }
        for _ in 0..<Self.piecesPerCall {
            guard case .copying(let cursor, var summary) = state, queuedBytes < limits.copyBytesInFlight else { return }
            let piece = store.copy(from: cursor, limit: Self.copyPiece, at: time.moment)
            for states in FrameCodec.encode(piece.items, as: .copy) {
                summary.count += UInt64(states.count)
                summary.hash = WireHash.joined(summary.hash, states.hash)
                send(states.frame, into: &effects)
            }
            if let next = piece.next {
                state = .copying(next, summary)
            } else {
                summary.isExtended = isExtended
                send(FrameCodec.encode(.copyEnd(summary)), into: &effects)
                effects.append(.copySent)
                state = .streaming
                nextRoot = time.monotonic
            }
        }
    }

    /// Sends the digest's root when it is time. All local changes must have been broadcast.
    mutating func tellRoot(
        _ root: @autoclosure () -> UInt64, at now: MonotonicTime, into effects: inout [SessionEffect]
    ) {
        guard isStreaming, now >= nextRoot else { return }
        nextRoot = now + limits.digestPeriod
        send(FrameCodec.encode(.root(root())), into: &effects)
    }

    /// - isReady: at its beginning. Of a member that becomes ready half-way, the first half may be lacking.
    private mutating func startCopy(afterGap: Bool, isReady: Bool, into effects: inout [SessionEffect]) {
        state = .copying(.start, CopySummary(count: 0, hash: 0, isReady: isReady))
        send(FrameCodec.encode(.copyStart(afterGap: afterGap)), into: &effects)
    }

    private mutating func send(_ frame: [UInt8], into effects: inout [SessionEffect]) {
        queuedBytes += frame.count
        effects.append(.send(frame))
    }

    // MARK: - What the subscriber says

    mutating func received(
        _ frame: Frame, store: Store, isReady: Bool, at time: NodeTime, into effects: inout [SessionEffect]
    ) throws(FrameError) {
        switch frame {
        case .subscribe:
            // Again too: a subscriber whose copy was not whole, or came from a member that was not ready, asks again.
            startCopy(afterGap: false, isReady: isReady, into: &effects)
        case .acknowledge(let changes):
            try lag.acknowledge(changes)
        case .relay(let members):
            relays = Set(members)
        case .askBuckets where mayAnswer:
            let digest = store.digest(countingOverrides: countsOverrides)
            send(FrameCodec.encode(.buckets(digest.buckets)), into: &effects)
        case .askKeys(let buckets) where mayAnswer:
            guard buckets.count <= Self.bucketsPerQuestion else { throw .tooLong(buckets.count) }
            tellServices(in: buckets, store: store, into: &effects)
            let keys = store.keys(in: buckets, at: time.moment)
            let fitting = FrameCodec.fitting(keys, bytes: limits.keyBytes)
            send(FrameCodec.encode(.keys(fitting, isCut: fitting.count < keys.count)), into: &effects)
        case .askStates(let keys) where mayAnswer:
            guard keys.count <= Self.statesPerQuestion else { throw .tooLong(keys.count) }
            answer(keys, store: store, at: time, into: &effects)
        case .askBuckets, .askKeys, .askStates:
            // Too much waits already. The subscriber asks again with the next root.
            break
        case .unknown:
            break
        default:
            throw .unexpected
        }
    }

    /// Sends what is said of services in these buckets, which has no keys: it may be why the buckets differ.
    private mutating func tellServices(in buckets: [UInt16], store: Store, into effects: inout [SessionEffect]) {
        guard countsOverrides else { return }
        for encoded in FrameCodec.encode(store.serviceStates(in: buckets), as: .states) where mayAnswer {
            send(encoded.frame, into: &effects)
        }
    }

    /// Sends the states that are there, as many as the queue takes.
    private mutating func answer(
        _ keys: [StateKey], store: Store, at time: NodeTime, into effects: inout [SessionEffect]
    ) {
        var rest = keys[...]
        while !rest.isEmpty, mayAnswer {
            let states = rest.prefix(Self.copyPiece).compactMap {
                store.stateForPeers(of: $0.id, in: $0.namespace, at: time.moment)
            }
            rest = rest.dropFirst(Self.copyPiece)
            for encoded in FrameCodec.encode(states, as: .states) { send(encoded.frame, into: &effects) }
        }
    }

    private var mayAnswer: Bool { queuedBytes < limits.queueBytes / 2 }
}
