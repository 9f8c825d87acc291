// Connections between members as TCP gives them: bytes come in order and whole, or the connection ends. What can go
// wrong is that they come late, in other pieces, in one direction only, or not before the connection has been given up.

import Replication
import TestTime
import Time

final class SimulatedNetwork {
    /// One direction of a connection.
    private final class Direction {
        enum Item {
            /// The dialer hears that it is connected.
            case opened(PeerAddress)
            case bytes([UInt8])
            case end
        }

        /// In the order sent, with when they may arrive.
        var items: [(arrival: MonotonicTime, item: Item)] = []
        var queuedBytes = 0
        var isPlanned = false
    }

    private final class Connection {
        struct End {
            let member: SimulatedMember
            let boot: Int
            let link: LinkID
            var isOpen = true
        }

        /// The dialer and the accepter.
        var ends: [End]
        /// From the dialer, from the accepter.
        let directions = [Direction(), Direction()]
        /// Bytes a millisecond.
        let bandwidth: Int64

        init(ends: [End], bandwidth: Int64) {
            self.ends = ends
            self.bandwidth = bandwidth
        }
    }

    private static let connectTimeout: Duration = 5_000
    /// How often a direction that is blocked is looked at again.
    private static let retry: Duration = 50

    unowned let simulation: Simulation
    private var connections: [LinkID: (connection: Connection, end: Int)] = [:]
    private var lastLink: UInt64 = 0
    /// Directions that let nothing through.
    private var cuts: Set<[Int]> = []

    init(simulation: Simulation) {
        self.simulation = simulation
    }

    // MARK: - Faults

    func cut(_ from: SimulatedMember, _ to: SimulatedMember) { cuts.insert([from.index, to.index]) }

    func mend(_ from: SimulatedMember, _ to: SimulatedMember) { cuts.remove([from.index, to.index]) }

    func mendAll() { cuts = [] }

    private func isCut(_ from: SimulatedMember, _ to: SimulatedMember) -> Bool {
        cuts.contains([from.index, to.index])
    }

    /// Ends some connection at both ends at once.
    func breakOne() {
        guard
            let link = connections.keys.sorted(by: { $0.number < $1.number }).randomElement(using: &simulation.random),
            let connection = connections[link]?.connection
        else { return }
        simulation.trace("connection \(connection.ends[0].member)-\(connection.ends[1].member) breaks")
        for end in 0...1 { finish(connection, toward: end, after: 0) }
    }

    /// A member is gone: its connections end, for the others as soon as they can hear of it.
    func drop(_ member: SimulatedMember) {
        for (link, (connection, end)) in connections.sorted(by: { $0.key.number < $1.key.number })
        where connection.ends[end].member === member {
            connection.ends[end].isOpen = false
            connections[link] = nil
            finish(connection, toward: 1 - end, after: latency())
        }
    }

    // MARK: - What nodes want

    func dial(_ address: PeerAddress, from dialer: SimulatedMember) {
        let boot = dialer.boot
        func fail(after delay: Duration) {
            simulation.plan(after: delay) {
                // A paused dialer hears of it when it goes on.
                if dialer.boot == boot { self.whenUp(dialer, boot) { dialer.dialFailed(address) } }
            }
        }
        guard let target = simulation.member(at: address) else { return fail(after: 20) }
        simulation.plan(after: latency()) { [self] in
            guard dialer.boot == boot, dialer.state != .down else { return }
            if isCut(dialer, target) || isCut(target, dialer) || target.state == .paused {
                return fail(after: Self.connectTimeout)
            }
            guard target.state == .up else { return fail(after: latency()) }
            let ends = [(dialer, boot), (target, target.boot)].map { member, boot in
                lastLink += 1
                return Connection.End(member: member, boot: boot, link: LinkID(number: lastLink))
            }
            let connection = Connection(ends: ends, bandwidth: simulation.setting.bandwidth)
            for end in 0...1 { connections[ends[end].link] = (connection, end) }
            put(.opened(address), into: connection, from: 1, after: latency())
            target.linkOpened(ends[1].link, role: .accepted, address: dialer.address)
        }
    }

    func send(_ bytes: [UInt8], on link: LinkID, from member: SimulatedMember) {
        guard let (connection, end) = connections[link], connection.ends[end].isOpen else { return }
        simulation.transcript?.says(bytes, on: link, from: member, to: connection.ends[1 - end].member)
        let direction = connection.directions[end]
        direction.queuedBytes += bytes.count
        // A stream has no frames: what was sent at once may come in pieces, and on a slow line one after the other.
        var rest = bytes[...]
        while !rest.isEmpty {
            var length = min(rest.count, Int(connection.bandwidth) * 50)
            if !simulation.setting.isSteady, Int.random(in: 0..<8, using: &simulation.random) == 0 {
                length = Int.random(in: 1...length, using: &simulation.random)
            }
            let taken = Duration.milliseconds(Int64(length) / connection.bandwidth)
            let free = direction.items.last.map { $0.arrival - simulation.now } ?? 0
            put(.bytes(Array(rest.prefix(length))), into: connection, from: end, after: max(latency(), free) + taken)
            rest = rest.dropFirst(length)
        }
    }

    /// The end of a link of ours: what was sent before it still comes.
    func close(_ link: LinkID, from member: SimulatedMember) {
        guard let (connection, end) = connections.removeValue(forKey: link) else { return }
        connection.ends[end].isOpen = false
        put(.end, into: connection, from: end, after: latency())
    }

    // MARK: - Delivery

    private func latency() -> Duration {
        simulation.setting.isSteady ? 1 : Duration.random(in: 1...simulation.setting.latency, using: &simulation.random)
    }

    /// Nothing more comes from the other end but what is on its way by now.
    private func finish(_ connection: Connection, toward end: Int, after delay: Duration) {
        let direction = connection.directions[1 - end]
        let end = simulation.now + delay
        let late = direction.items.firstIndex { $0.arrival > end } ?? direction.items.count
        direction.items.removeSubrange(late...)
        put(.end, into: connection, from: connection.directions[0] === direction ? 0 : 1, after: delay)
    }

    private func put(_ item: Direction.Item, into connection: Connection, from end: Int, after delay: Duration) {
        let direction = connection.directions[end]
        let arrival = max(simulation.now + delay, direction.items.last?.arrival ?? 0)
        direction.items.append((arrival, item))
        plan(connection, end, at: arrival)
    }

    private func plan(_ connection: Connection, _ end: Int, at time: MonotonicTime) {
        guard !connection.directions[end].isPlanned else { return }
        connection.directions[end].isPlanned = true
        simulation.plan(at: time) { [self] in
            connection.directions[end].isPlanned = false
            deliver(connection, from: end)
        }
    }

    private func deliver(_ connection: Connection, from end: Int) {
        let direction = connection.directions[end]
        let (sender, receiver) = (connection.ends[end], connection.ends[1 - end])
        while let (arrival, item) = direction.items.first {
            guard arrival <= simulation.now else { return plan(connection, end, at: arrival) }
            guard connection.ends[1 - end].isOpen, receiver.member.boot == receiver.boot, receiver.member.state != .down
            else { return }
            if isCut(sender.member, receiver.member) || receiver.member.state == .paused {
                return plan(connection, end, at: simulation.now + Self.retry)
            }
            direction.items.removeFirst()
            switch item {
            case .opened(let address): receiver.member.linkOpened(receiver.link, role: .dialed, address: address)
            case .bytes(let bytes):
                direction.queuedBytes -= bytes.count
                receiver.member.received(bytes, on: receiver.link)
                if connection.ends[end].isOpen, sender.member.boot == sender.boot, sender.member.state == .up,
                    direction.queuedBytes < simulation.setting.limits.copyBytesInFlight
                {
                    sender.member.drained(sender.link, queuedBytes: direction.queuedBytes)
                }
            case .end:
                connection.ends[1 - end].isOpen = false
                connections[receiver.link] = nil
                receiver.member.linkClosed(receiver.link)
            }
        }
    }

    /// Now, or as soon as the member is run again.
    private func whenUp(_ member: SimulatedMember, _ boot: Int, _ action: @escaping () -> Void) {
        guard member.boot == boot, member.state != .down else { return }
        if member.state == .up { return action() }
        simulation.plan(after: Self.retry) { [self] in whenUp(member, boot, action) }
    }
}
