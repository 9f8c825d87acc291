// A whole cluster in one thread, repeatable from a seed: members, clients, a network, and time, of which a minute takes
// a few milliseconds. It goes through a time of trouble, is healed, and must then be as the journal says.

import Catalog
import Replication
import TestRandom
import TestTime
import Time

final class Simulation {
    static let syncTimeout: Duration = 8_000
    /// When the time of trouble ends.
    static let trouble: MonotonicTime = 30_000
    /// How long after healing everything must be in order: two periods of the digest, the longest wait before a dial
    /// with its timeout, and the longest hold of leases after a pause, some of which overlap.
    static let convergence: Duration = 25_000
    /// How long a dead instance may be seen beyond its TTL: its last renewal may be under way for as long as a link may
    /// be silent, three seconds, and members tick and batch.
    static let deadBound: Duration = 4_000

    let seed: UInt64
    var random: SplitMix64
    let setting: Setting
    private(set) var now: MonotonicTime = 0
    private var events = EventQueue()
    private(set) var members: [SimulatedMember] = []
    private(set) lazy var network = SimulatedNetwork(simulation: self)
    private(set) var clients: [SimulatedClient] = []
    private(set) var journal = Journal()
    /// What clients were answered, when, and by whom.
    private(set) var promises: [(key: Key, version: Version, member: Int, at: MonotonicTime)] = []
    /// What the oracle has to say. Empty: all is well.
    private(set) var complaints: [String] = []
    private var traces: [String] = []
    /// What members say to one another, when that is to be kept.
    var transcript: Transcript?

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix64(seed: seed)
        setting = Setting(random: &random)
    }

    /// For a story that is told on purpose: members that start at once, and nothing else.
    init(memberCount: Int, olderMembers: Set<Int> = [], isSteady: Bool = false, limits: NodeLimits = NodeLimits()) {
        seed = 1
        random = SplitMix64(seed: seed)
        setting = Setting(memberCount: memberCount, olderMembers: olderMembers, isSteady: isSteady, limits: limits)
        members = (0..<memberCount).map { SimulatedMember(index: $0, simulation: self) }
    }

    /// True time, in milliseconds since 1970.
    var wall: Int64 { 1_790_000_000_000 + now.milliseconds }

    // MARK: - The course of things

    /// Runs everything; returns what is wrong.
    func run() -> [String] {
        members = (0..<setting.memberCount).map { SimulatedMember(index: $0, simulation: self) }
        for member in members { plan(at: MonotonicTime.random(in: 0...500, using: &random)) { member.start() } }
        for number in 0..<24 {
            plan(at: MonotonicTime.random(in: 0...Self.trouble, using: &random)) { [self] in
                clients.append(SimulatedClient(number: number, simulation: self))
            }
        }
        planBurst()
        planTroubles()
        planClientTroubles()
        plan(at: 1_000) { [self] in look() }
        run(until: Self.trouble)
        heal()
        run(until: Self.trouble + Self.convergence)
        Oracle(simulation: self).judge()
        return complaints
    }

    /// Looks at whether what the catalogs say of themselves holds, which takes longer than an event.
    private static let eventsBetweenLooks = 16_384
    private var looks = 0

    func run(until end: MonotonicTime) {
        while let next = events.nextTime, next <= end, let event = events.pop() {
            now = max(now, event.at)
            event.action()
            looks += 1
            if looks.isMultiple(of: Self.eventsBetweenLooks) {
                for member in members { member.store.checkInvariants() }
            }
        }
        now = end
    }

    func plan(at time: MonotonicTime, _ action: @escaping () -> Void) { events.plan(at: max(time, now), action) }

    func plan(after interval: Duration, _ action: @escaping () -> Void) { events.plan(at: now + interval, action) }

    private func heal() {
        trace("everything is healed")
        network.mendAll()
        for member in members {
            if member.state == .paused { member.resume() }
            if member.state == .down { member.start() }
            member.told(addresses(seenBy: member))
        }
    }

    private var isHealed: Bool { now >= Self.trouble }

    /// Whether the judgment is so near that what is changed now has no time to reach everybody: clients keep still.
    var isEnding: Bool { now >= Self.trouble + Self.convergence - 1_000 }

    // MARK: - Troubles

    func run(for interval: Duration) { run(until: now + interval) }

    private func planTroubles() {
        guard !setting.faults.isEmpty else { return }
        var time = MonotonicTime.random(in: 500...6_000, using: &random)
        while time < Self.trouble {
            plan(at: time) { [self] in cause(setting.faults.randomElement(using: &random) ?? .breakConnection) }
            time += Duration.random(in: 200...5_000, using: &random)
        }
    }

    private func cause(_ fault: Setting.Fault) {
        guard !isHealed, let victim = members.randomElement(using: &random) else { return }
        let length = Duration.random(in: 300...12_000, using: &random)
        let others = members.filter { $0 !== victim }
        guard let other = others.randomElement(using: &random) else { return }
        func cut(_ pairs: [(SimulatedMember, SimulatedMember)]) {
            trace("cut for \(length): \(pairs)")
            for (from, to) in pairs { network.cut(from, to) }
            plan(after: length) { [self] in for (from, to) in pairs { network.mend(from, to) } }
        }
        switch fault {
        case .partition:
            let side = members.filter { _ in Bool.random(using: &random) }
            cut(
                side.flatMap { from in
                    members.filter { to in !side.contains { $0 === to } }.flatMap { [(from, $0), ($0, from)] }
                })
        case .oneWay: cut([(victim, other)])
        case .pair: cut([(victim, other), (other, victim)])
        case .pause:
            victim.pause()
            plan(after: length) { [self] in if !isHealed { victim.resume() } }
        case .crash:
            victim.crash()
            excuseTheLost()
            restart(victim, after: length / 2)
        case .leave:
            victim.leave()
        case .breakConnection: network.breakOne()
        case .lostSight:
            trace("\(victim)'s sources lose sight of \(other) for \(length)")
            victim.told(addresses(seenBy: victim).subtracting([other.address, other.alias]))
            plan(after: length) { [self] in if !isHealed { victim.told(addresses(seenBy: victim)) } }
        case .skew:
            let skews: [Int64] = [-315_360_000_000, -3_600_000, -3_000, 0, 3_000, 3_600_000, 315_360_000_000]
            // One wrong clock at a time: of several nobody could tell which are right.
            for member in members { member.skew = 0 }
            victim.skew = skews.randomElement(using: &random) ?? 0
            trace("\(victim)'s clock is off by \(victim.skew)")
        }
    }

    /// A member that was told to leave is gone.
    func stopped(_ member: SimulatedMember) {
        member.crash()
        excuseTheLost()
        if isHealed { member.start() } else { restart(member, after: Duration.random(in: 100...6_000, using: &random)) }
    }

    private func restart(_ member: SimulatedMember, after interval: Duration) {
        plan(after: interval) { [self] in
            if !isHealed, member.state == .down { member.start() }
        }
    }

    private func excuseTheLost() {
        journal.excuse(
            because: "its only holder died",
            unless: { key in self.members.compactMap { $0.state == .down ? nil : $0.held(key) }.max() },
            trace: trace)
    }

    /// Many seldom heard instances register at one member at once: more than a short queue takes.
    private func planBurst() {
        let home = Int.random(in: 0..<members.count, using: &random)
        plan(at: MonotonicTime.random(in: 5_000...Self.trouble, using: &random)) { [self] in
            for number in 0..<12 {
                clients.append(SimulatedClient(number: 101 + 4 * number, simulation: self, home: home))
            }
        }
    }

    private func planClientTroubles() {
        for _ in 0..<60 {
            plan(at: MonotonicTime.random(in: 2_000...Self.trouble, using: &random)) { [self] in
                guard let client = clients.randomElement(using: &random) else { return }
                switch Int.random(in: 0..<10, using: &random) {
                case 0: client.fallSilent()
                case 1, 2: client.deregister()
                case 3: client.comeBack()
                case 4, 5: client.registerAgain()
                case 6:
                    client.registerAgain()
                    client.fallSilent()
                default: client.setStatus()
                }
            }
        }
    }

    // MARK: - What others ask

    func addresses(seenBy member: SimulatedMember) -> Set<PeerAddress> {
        Set(
            members.flatMap {
                setting.hasAliases && Bool.random(using: &random) ? [$0.address, $0.alias] : [$0.address]
            })
    }

    func member(at address: PeerAddress) -> SimulatedMember? {
        members.first { $0.address == address || $0.alias == address }
    }

    func acknowledged(_ entry: Journal.Entry, for key: Key) {
        // Of two changes at two members within one millisecond either may be the later one.
        if !setting.mayBeWrongClocks, let last = journal.entries[key]?.last, last.version >= entry.version,
            last.at < entry.at
        {
            complain("\(key.id) was changed later in an earlier version, though all clocks are right")
        }
        journal.add(entry, for: key)
    }

    /// A client was answered when those that are waited for were to have this.
    func promised(_ key: Key, _ version: Version, by member: SimulatedMember) {
        promises.append((key, version, member.index, now))
        Oracle(simulation: self).judgePromise(key, version, by: member)
    }

    func becameReady(_ member: SimulatedMember, _ ground: ReadinessGround) {
        guard case .copied(let address) = ground, let source = self.member(at: address) else { return }
        Oracle(simulation: self).judgeCopy(of: member, from: source)
    }

    func complain(_ complaint: String) { complaints.append("at \(now): \(complaint)") }

    func trace(_ line: String) { traces.append("\(now) \(line)") }

    /// What happened, for whoever looks into a failure.
    var story: String { traces.joined(separator: "\n") }

    private func look() {
        Oracle(simulation: self).look()
        if now < Self.trouble + Self.convergence { plan(after: 500) { [self] in look() } }
    }
}
