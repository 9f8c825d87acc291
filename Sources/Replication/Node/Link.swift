// One connection of a member, from its opening to its end: the bytes that are not yet a frame, the handshake, then the
// session of its role.

import Catalog
import Time

/// A link of a node. Belongs to the node's thread.
final class Link {
    enum Session {
        case greeting
        case publisher(PublisherSession)
        case subscriber(SubscriberSession)
    }

    /// This many pings are compared before a clock counts as wrong: one on a line that is not busy is enough.
    private static let clockBeats = 5

    let id: LinkID
    let role: LinkRole
    /// The address that was dialed; of an accepted link, the one claimed before the proof.
    let address: PeerAddress
    let boundTo: Set<String>?
    /// Monotonic milliseconds.
    let openedAt: MonotonicTime
    var assembly = FrameAssembly(limit: FrameCodec.longestUnproven)
    var handshake: Handshake
    /// Set with our proof: what is said from then on is sealed.
    var seal: FrameSeal?
    var session = Session.greeting
    /// When anything was last received. Monotonic milliseconds.
    var heardAt: MonotonicTime
    var nextPing: MonotonicTime
    /// When the last ping that was answered was sent, or the answers counted again. Monotonic milliseconds.
    var answeredAt: MonotonicTime
    /// What the other end said of itself last.
    var beat: Beat?
    /// How far its wall clock was ahead of our monotonic one by each of its last beats, in milliseconds, less the time
    /// that the beat was on its way.
    private var clockOffsets: [Int64] = []
    /// The members that the other end reaches through others, with how many are between.
    var reaches: [MemberID: Int] = [:] { didSet { gatherHearsay() } }
    /// The members that the other end reaches, with how many are between: 0 for its own links. Kept because it is
    /// needed with every tick.
    private(set) var hearsay: [MemberID: Int] = [:]
    /// What it was told of that last.
    var toldReaches: [Reach] = []
    /// The members whose changes are asked to be passed on over this link.
    var relayed: Set<MemberID> = []
    var lastCopy: (at: MonotonicTime, count: Int, duration: Duration)?
    /// When a full copy last came from the other end while it knew which instances live.
    var trueCopyAt: MonotonicTime?
    /// After a pause: a pong to this ping, or to a later one, says that everything in transit before it has been
    /// received.
    var awaitedPong: UInt64?
    var hasSaidGoodbye = false
    /// The token of the last ping, and when it was sent. Tokens grow, so that a pong shows which ping it answers.
    var lastToken: UInt64 = 0
    var pingedAt: MonotonicTime?
    /// On a link that publishes, whether the other end is waited for; nil when it speaks an older version, and cannot
    /// be.
    var attendance: Attendance?
    /// On a link that subscribes, what the other end has said of waiting for this member.
    var notice = WaitNotice.leftOut
    /// On a link that subscribes, whether the other end has ever waited for this member; and whether it was ready when
    /// its first ping came, nil before that. One that was not, having just started, has acknowledged next to nothing
    /// that we lack.
    var wasWaitedFor = false
    var beganReady: Bool?
    /// After a pause: a pong to this ping, or to a later one, says that everything sent meanwhile has been received.
    var checkedPong: UInt64?
    /// Questions to a member that answers by telling states only: a pong to the ping behind one says that it was
    /// answered.
    var pingedQuestions: [(token: UInt64, number: UInt64)] = []
    /// The bytes that wait to go out, whatever they are, as far as we know: the shell reports when they have.
    var queuedBytes = 0

    init(
        id: LinkID, role: LinkRole, address: PeerAddress, boundTo: Set<String>?, handshake: Handshake,
        at now: MonotonicTime
    ) {
        self.id = id
        self.role = role
        self.address = address
        self.boundTo = boundTo
        self.handshake = handshake
        openedAt = now
        heardAt = now
        nextPing = now
        answeredAt = now
    }

    /// The member at the other end; nil until it is proven.
    var peer: Hello? { handshake.proven }

    /// Whether the other end waits for acknowledgments, can be waited for, and answers questions.
    var isAcknowledging: Bool { handshake.version >= FrameCodec.acknowledging }

    /// Whether digests on this link count overrides, of which members of release 0.1.0 do not know.
    var countsOverrides: Bool { handshake.version >= FrameCodec.overriding }

    var publisher: PublisherSession? {
        if case .publisher(let session) = session { session } else { nil }
    }

    var subscriber: SubscriberSession? {
        if case .subscriber(let session) = session { session } else { nil }
    }

    /// How far its clock is ahead of ours, in milliseconds: by the beat that was least late. Nil as long as there was
    /// none that was not behind a copy, which may take minutes on a slow line.
    func clockOffset(at time: NodeTime) -> Int64? {
        clockOffsets.max().map { $0 + time.monotonic.milliseconds - time.wall / 1_000_000 }
    }

    private func gatherHearsay() {
        hearsay = reaches
        for member in beat?.hears ?? [] { hearsay[member] = 0 }
    }

    /// Takes in what the other end says of itself.
    func note(_ beat: Beat, at time: NodeTime) {
        let isNews = beat.hears != self.beat?.hears
        self.beat = beat
        if isNews { gatherHearsay() }
        guard subscriber?.isCopying != true else { return }
        clockOffsets = clockOffsets.suffix(Self.clockBeats - 1) + [beat.wall - time.monotonic.milliseconds]
    }

    /// Lets the session act when it is a publisher's. It is moved out meanwhile, so that it is not copied.
    func withPublisher<E>(_ body: (inout PublisherSession) throws(E) -> Void) throws(E) {
        guard case .publisher(var publisher) = session else { return }
        session = .greeting
        defer { session = .publisher(publisher) }
        try body(&publisher)
    }

    /// The same of a subscriber's.
    func withSubscriber<E>(_ body: (inout SubscriberSession) throws(E) -> Void) throws(E) {
        guard case .subscriber(var subscriber) = session else { return }
        session = .greeting
        defer { session = .subscriber(subscriber) }
        try body(&subscriber)
    }
}
