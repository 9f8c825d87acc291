// The lease of an instance and where the instance stands. Apart from the instance itself, which is made of references:
// this is numbers only, so that whatever looks at a lease copies, counts and waits for nothing else.

import Time

/// The lease, place and version of one instance.
struct Record: Sendable {
    // Ordered by size, so that no room is lost between them: 64 bytes.

    /// The id, if it is a digest. Else of no meaning: a look-up of such an id compares with the instance.
    let digest: UInt64
    /// When the lease began: with the last heartbeat, unless a pause has moved it. A heartbeat moves this and nothing
    /// else; the wheel learns of it when its older deadline comes.
    private var start: LeaseTime
    /// Nanoseconds since 1970.
    var lastHeartbeat: Int64
    /// The member that made the last change, and when.
    var version = Version.none
    var place: SecondaryIndex.Place
    /// How much lease time was lost to pauses, in milliseconds, when the last heartbeat arrived; it stops counting
    /// after 49 days.
    private var lost: UInt32 = 0
    private var lease: CompactLease
    /// The bucket of the digest, when this shard is published.
    var bucket: UInt16 = 0
    private var flags: Flags

    private struct Flags: OptionSet {
        let rawValue: UInt8

        static let isDigest = Flags(rawValue: 1 << 0)
        static let isRenewedElsewhere = Flags(rawValue: 1 << 1)
        static let isOverdue = Flags(rawValue: 1 << 2)
        static let isOverridden = Flags(rawValue: 1 << 3)
    }

    /// What fills a place without an instance.
    static let vacant = Record(.vacant, at: Moment(monotonic: .zero, lease: .zero, wall: 0))

    /// Begins the lease of a registration.
    init(_ instance: Instance, at moment: Moment) {
        digest = instance.digest
        flags = instance.hasDigest ? .isDigest : []
        lease = CompactLease(instance.leaseTime)
        start = moment.lease
        lastHeartbeat = moment.wall
        place = .nowhere
        begin(at: moment)
    }

    /// One that came from another member.
    init(_ instance: Instance, version: Version, heartbeat: Heartbeat, at moment: Moment) {
        self.init(instance, at: moment)
        self.version = version
        isRenewedElsewhere = true
        lastHeartbeat = heartbeat.wall
        begin(age: max(0, heartbeat.age), at: moment)
    }

    /// The id, if it is a digest.
    var id: InstanceID? { isDigest ? .digest(digest) : nil }

    private var isDigest: Bool { flags.contains(.isDigest) }

    /// Whether the last heartbeat was taken by another member.
    private(set) var isRenewedElsewhere: Bool {
        get { flags.contains(.isRenewedElsewhere) }
        set { if newValue { flags.insert(.isRenewedElsewhere) } else { flags.remove(.isRenewedElsewhere) } }
    }

    /// Whether its time has passed and it is kept all the same: see `HeldLeases`.
    var isOverdue: Bool {
        get { flags.contains(.isOverdue) }
        set { if newValue { flags.insert(.isOverdue) } else { flags.remove(.isOverdue) } }
    }

    /// Whether an operator's word counts as its status. Invariant: equal to what the instance's override says.
    var isOverridden: Bool {
        get { flags.contains(.isOverridden) }
        set { if newValue { flags.insert(.isOverridden) } else { flags.remove(.isOverridden) } }
    }

    /// As the instance has it, or nearly (`CompactLease`).
    private(set) var leaseTime: Int64 {
        get { lease.milliseconds }
        set { lease = CompactLease(newValue) }
    }

    /// Whether it is of this id and in this namespace's table; nil when that depends on the instance's id.
    func `is`(_ id: InstanceID, in table: Int32) -> Bool? {
        switch id {
        case .digest(let digest): digest == self.digest && isDigest && place.table == table
        case .text: isDigest || place.table != table ? false : nil
        }
    }

    /// When the lease runs out.
    var deadline: LeaseTime { leaseTime == Instance.endless ? .distantFuture : start + leaseTime }

    /// The same if the lease counts as begun no earlier than then.
    func deadline(begunNotBefore start: LeaseTime) -> LeaseTime {
        leaseTime == Instance.endless ? .distantFuture : max(self.start, start) + leaseTime
    }

    /// Whether it has not run out, whatever keeps it beyond that.
    func isLive(at now: LeaseTime) -> Bool { now < deadline }

    /// Begins the lease, with a last heartbeat of this age.
    private mutating func begin(age: Int64 = 0, at moment: Moment) {
        start = moment.lease + -age
        lost = UInt32(clamping: moment.lost)
    }

    /// Starts the lease of another registration, whatever there was before.
    mutating func start(_ instance: Instance, at moment: Moment) {
        leaseTime = instance.leaseTime
        start(at: moment)
    }

    private mutating func start(at moment: Moment) {
        begin(at: moment)
        lastHeartbeat = moment.wall
        isRenewedElsewhere = false
    }

    /// Restarts the lease, unless it was renewed at a later moment already: threads read the clock before they wait for
    /// the lock.
    mutating func renew(at moment: Moment) {
        if moment.lease >= start { start(at: moment) }
    }

    // MARK: Other members

    /// Heartbeats that two members took within this many milliseconds may reach others in either order; which is the
    /// last one is then decided by wall time, so that all members show the same.
    private static let simultaneous: Int64 = 2_000
    /// Nanoseconds that a heartbeat's wall time may be ahead of ours: a day. Beyond that, a clock was wrong and not
    /// noticed yet, and its time would count as the last heartbeat until that future comes. Members whose clocks differ
    /// by less show the same.
    private static let farthestAhead: Int64 = 86_400_000_000_000

    /// Milliseconds since the last heartbeat, pauses included. Kept for out-of-service instances as well: a later
    /// version may expire.
    private func age(at moment: Moment) -> Int64 {
        max(0, (moment.lease - start).addingSaturated(Int64(UInt32(clamping: moment.lost)) - Int64(lost)))
    }

    /// Begins a lease anew whose last heartbeat is of this age: as if this process had been paused since then, so that
    /// `settle` takes it back. A true age of more than what the moment counts as lost is remembered as that.
    mutating func beginAnew(_ heartbeat: Heartbeat, at moment: Moment) {
        isRenewedElsewhere = true
        lastHeartbeat = heartbeat.wall
        start = moment.lease
        lost = UInt32(clamping: Int64(UInt32(clamping: moment.lost)).subtractingSaturated(max(0, heartbeat.age)))
    }

    func heartbeat(at moment: Moment) -> Heartbeat { Heartbeat(age: age(at: moment), wall: lastHeartbeat) }

    /// Lets the lease end when it would have ended without pauses. Returns whether that is earlier.
    mutating func settle(at moment: Moment) -> Bool {
        guard leaseTime != Instance.endless else { return false }
        let extended = start
        begin(age: age(at: moment), at: moment)
        return start < extended
    }

    /// Takes in a heartbeat that another member took. Hearing of the one again that is known moves nothing: the time in
    /// transit must not extend the lease. Returns whether it is a later one than was known.
    @discardableResult
    mutating func hear(_ heartbeat: Heartbeat, at moment: Moment) -> Bool {
        heartbeat.wall != lastHeartbeat && join(heartbeat, at: moment)
    }

    /// Goes on with the lease of a record of the same instance at another place.
    mutating func goOn(from other: Record, at moment: Moment) {
        lastHeartbeat = other.lastHeartbeat
        isRenewedElsewhere = other.isRenewedElsewhere
        begin(age: other.age(at: moment), at: moment)
    }

    /// Takes in a newer version, whose lease counts from the last heartbeat that either member received, and may be
    /// over by that.
    mutating func supersede(with instance: Instance, version: Version, heartbeat: Heartbeat, at moment: Moment) {
        leaseTime = instance.leaseTime
        self.version = version
        join(heartbeat, at: moment)
    }

    /// Returns whether the heartbeat is a later one than was known.
    @discardableResult
    private mutating func join(_ heartbeat: Heartbeat, at moment: Moment) -> Bool {
        let known = age(at: moment)
        let latest = latest(known, heartbeat, at: moment)
        let isLater = latest.wall > lastHeartbeat || latest.age < known
        lastHeartbeat = latest.wall
        guard latest.age < known else { return isLater }
        isRenewedElsewhere = true
        let extended = start
        begin(age: latest.age, at: moment)
        guard start < extended else { return isLater }
        // A pause has moved the end further than this heartbeat does. Whether it is taken back is for `settle` to say,
        // once a member is connected that knows which instances live; what the pause has added is counted as lost, so
        // that the age is right.
        let added = extended.milliseconds - start.milliseconds
        start = extended
        lost = UInt32(clamping: Int64(lost) - added)
        return isLater
    }

    /// The later of our last heartbeat, at this age, and another.
    private func latest(_ known: Int64, _ heartbeat: Heartbeat, at moment: Moment) -> Heartbeat {
        let told = max(0, heartbeat.age)
        let wall: Int64
        if abs(known.subtractingSaturated(told)) <= Self.simultaneous {
            wall = laterWall(heartbeat, at: moment)
        } else {
            wall = told < known ? heartbeat.wall : lastHeartbeat
        }
        return Heartbeat(age: min(known, told), wall: wall)
    }

    /// The later wall time of our last heartbeat and another, as far as it can be true.
    private func laterWall(_ heartbeat: Heartbeat, at moment: Moment) -> Int64 {
        let later = max(lastHeartbeat, heartbeat.wall)
        return later.subtractingSaturated(moment.wall) <= Self.farthestAhead
            ? later : min(lastHeartbeat, heartbeat.wall)
    }
}
