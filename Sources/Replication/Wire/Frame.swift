// What two members say to one another, as values. How these are bytes is `FrameCodec`'s to know and nobody else's.

import Catalog

/// One message of our own protocol.
enum Frame: Sendable {
    // Both ways, first.
    /// - raw: the frame as it came, for the proof is over every byte of it, those unknown to us included. Unused on the
    ///   way out.
    case hello(Hello, raw: [UInt8])
    /// The code over both hellos, or empty when there is no secret.
    case proof([UInt8])

    // Both ways.
    case ping(Beat)
    case pong(token: UInt64)
    case goodbye(Goodbye)
    /// What do you know of this id? From version 3 on. The number comes back with the answer.
    case question(number: UInt64, StateKey)
    /// The state of the id that was asked for, or none when nothing is known of it. From version 3 on.
    case answer(number: UInt64, States)

    // From the subscriber.
    /// Tell me everything, and then all that changes.
    case subscribe
    /// So many changes of this link are merged.
    case acknowledge(changes: UInt64)
    /// Pass on, too, what these members say, for we do not hear them.
    case relay([MemberID])
    case askBuckets
    case askKeys([UInt16])
    case askStates([StateKey])

    // From the publisher.
    /// A copy begins, perhaps because changes had to be dropped. What there was of an earlier one is void.
    case copyStart(afterGap: Bool)
    case copy(States)
    case copyEnd(CopySummary)
    /// What has changed here. Each state counts as one change of this link.
    case changes(States)
    /// What has changed at a member that the subscriber does not hear; counts as `changes` does.
    case relayed(States)
    /// The members that the publisher hears through others: whom it hears itself its pings say.
    case reaches([Reach])
    /// The root of the publisher's digest.
    case root(UInt64)
    case buckets([UInt64])
    /// - isCut: whether the buckets that were asked for have more.
    case keys([KeyedVersion], isCut: Bool)
    /// The states that were asked for, those that are there.
    case states(States)
    /// Whether the subscriber is waited for before clients are answered, from here on. From version 3 on.
    case notice(WaitNotice)

    /// Of a newer version: passed over.
    case unknown(type: UInt8)
}

/// The first thing that each end says: who it is, and a number nobody has seen before.
struct Hello: Sendable, Equatable {
    static let nonceLength = 32
    static let nameLength = 255
    /// An IPv6 address with a zone, and room.
    static let hostLength = 80

    /// The protocol versions that it speaks.
    var versions: ClosedRange<UInt16>
    var member: MemberID
    var address: PeerAddress
    var name: String
    /// What makes every proof another, so that none can be said again.
    var nonce: [UInt8]
    var beat: Beat
}

/// How a member is, told with every ping.
struct Beat: Sendable, Equatable {
    /// How many members a beat names at most.
    static let heardLimit = 256
    /// What a clock may say, in milliseconds: one that was never set says 1970, and what is beyond the year 2262 is no
    /// time at all, for its nanoseconds fit nowhere.
    static let walls: ClosedRange<Int64> = 0...(.max / 1_000_000)

    /// Comes back in the pong.
    var token: UInt64
    /// Milliseconds since 1970 by its machine's clock. Invariant: one of `walls`.
    var wall: Int64
    var isReady: Bool
    /// Whether leases last longer there than their ages say, because it was paused and nobody could tell it who was
    /// alive meanwhile.
    var isExtended = false
    /// Whether an operator has drained it, so that it asks for no traffic. Told in pings alone.
    var isDrained = false
    /// The members whose changes it hears, legacy peers included.
    var hears: [MemberID]
}

/// A member whose changes come through others, and through how many.
struct Reach: Sendable, Equatable {
    let member: MemberID
    /// Above 0.
    let hops: UInt8
}

/// What a publisher says of its waiting for a subscriber. In between, and until something is said, it is as it was said
/// last: at first, left out.
enum WaitNotice: UInt8, Sendable, Equatable {
    /// Changes are acknowledged to clients without the subscriber having them. What a newer version may say is taken
    /// for this.
    case leftOut = 0
    /// What is acknowledged from here on, and all that was before, the subscriber has.
    case waitedFor = 1
    /// The publisher waits for nobody.
    case neverWaits = 2
}

enum Goodbye: Sendable, Equatable {
    /// The member stops, having said everything.
    case leaving
    case refused(RefusalReason)
    /// Said by a newer version, for a reason we do not know.
    case other
}

/// What was in a copy.
struct CopySummary: Sendable, Equatable {
    var count: UInt64
    var hash: UInt64
    /// Whether the publisher was ready, so that the copy is of everything there is.
    var isReady: Bool
    /// As a `Beat` says it, at the end of the copy.
    var isExtended = false
}

/// States as they travel.
struct States: Sendable {
    var states: [Replicated]
    /// How many there were, those of a kind unknown to us included.
    var count: Int
    /// Of their bytes.
    var hash: UInt64
}
