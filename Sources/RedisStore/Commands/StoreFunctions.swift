// The calls of the functions that run inside Redis (docs/redis.md, "What is stored"), argument by argument. They stand in
// `functions.lua`, which must agree with this file and with `StoreReply.swift`.

package import Catalog
package import RESP
package import Replication
package import Time

/// Makes the commands of one member.
package struct StoreFunctions: Sendable {
    /// How the layout is numbered that this release writes.
    package static let schema: Int64 = 1
    /// States in one call of `put`, renewals in one of `renew`, leases that run out in one of `tick`: a call blocks the
    /// server for a millisecond or two.
    package static let mostStates = 128
    package static let mostRenewals = 1_000
    package static let mostExpiries = 500
    /// Of those as long as few leases run out: the ticks of all shards, which come together, last no longer than one such.
    package static let usualExpiries = 32

    /// How long it is remembered that a service has no override any more, as long as tombstones.
    private static let tombstoneTime: Duration = .seconds(900)

    /// Times of changes that functions compare: what clients say beyond them is passed over.
    private static let changes: ClosedRange<Int64> = 0...999_999_999_999_999

    let prefix: String
    let member: MemberID

    package init(prefix: String, member: MemberID) {
        self.prefix = prefix
        self.member = member
    }

    private func call(_ name: String, _ shard: StoreShard, room: Int = 64) -> RESPCommand {
        var command = RESPCommand("FCALL", capacity: room)
        command.append(text: name)
        command.append(1)
        // A key that is there for as long as the shard is: only of such a one a cluster says where it has gone.
        command.append(text: shard.tag(prefix) + ":m")
        return command
    }

    /// Asks for a shard's epoch, or claims the shard where nothing is stored.
    ///
    /// - Parameters:
    ///   - wanted: the epoch that was followed, or a history's name to claim the shard with; empty only looks.
    ///   - run: the run of the server, as it says.
    func open(_ shard: StoreShard, wanted: String, run: String) -> RESPCommand {
        var command = call("a8_open", shard)
        command.append(Self.schema)
        command.append(text: wanted)
        command.append(text: run)
        return command
    }

    /// Begins a call that writes states; `append` adds them.
    func put(_ shard: StoreShard, _ epoch: StoreEpoch) -> RESPCommand {
        var command = call("a8_put", shard, room: 4_096)
        command.append(text: epoch.description)
        command.append(text: member.description)
        return command
    }

    /// Adds a state to a call of `put`. Renewals are no states of their own.
    ///
    /// - Parameters:
    ///   - capacity: how many instances the namespace may hold; nil is no limit.
    ///   - changed: when its client changed an instance last, as the client says; nil where it says nothing.
    static func append(_ state: Replicated, capacity: Int?, changed: Int64? = nil, to command: inout RESPCommand) {
        var bytes: [UInt8] = []
        StateCodec.append(state, to: &bytes)
        switch state.replica {
        case .present(let instance, let version, let heartbeat):
            append("i", state.namespace, instance.id.utf8, version, to: &command)
            command.append(text: lease(instance.leaseTime))
            command.append(max(0, heartbeat.age))
            command.append(text: capacity.map(String.init) ?? "")
            command.append(bytes)
            command.append(override(instance.override))
            command.append(text: changed.flatMap { changes.contains($0) ? String($0) : nil } ?? "")
        case .absent(let id, let version, let age, let override):
            append("t", state.namespace, id.utf8, version, to: &command)
            command.append(text: "")
            command.append(max(0, age))
            command.append(text: "")
            command.append(bytes)
            command.append(Self.override(override))
            command.append(text: "")
        case .service(let service, let override):
            append("s", state.namespace, Array(service.text.utf8), override.version, to: &command)
            // A word that is over is kept for as long as a copy may bring it back.
            command.append(text: override.status == nil ? String(tombstoneTime.wholeMilliseconds) : "")
            command.append(0)
            command.append(text: "")
            command.append(bytes)
            command.append(text: "")
            command.append(text: "")
        case .renewed: break
        }
    }

    private static func append(
        _ kind: String, _ namespace: Namespace, _ id: [UInt8], _ version: Version, to command: inout RESPCommand
    ) {
        command.append(text: kind)
        command.append(text: namespace.name)
        command.append(id)
        var bytes: [UInt8] = []
        bytes.append(version)
        command.append(bytes)
    }

    private static func override(_ override: StatusOverride?) -> [UInt8] {
        guard let override else { return [] }
        var bytes: [UInt8] = []
        bytes.append(override.version)
        return bytes + override.encoded
    }

    private static func lease(_ milliseconds: Int64) -> String {
        milliseconds == Instance.endless ? "inf" : String(milliseconds)
    }

    /// Renews leases, `mostRenewals` at most.
    func renew(_ shard: StoreShard, _ epoch: StoreEpoch, _ renewals: some Collection<Renewal>) -> RESPCommand {
        var command = call("a8_renew", shard, room: 64 + renewals.count * 32)
        command.append(text: epoch.description)
        command.append(text: member.description)
        command.append(Int64(renewals.count))
        for renewal in renewals {
            command.append(text: renewal.namespace.name)
            command.append(renewal.id.utf8)
            // The lease counts from the heartbeat, which may be older than this call.
            command.append(
                text: Self.lease(
                    renewal.lease == Instance.endless ? renewal.lease : renewal.lease - max(0, renewal.heartbeat.age)))
        }
        return command
    }

    /// Tells other members when instances sent their last heartbeats: these are `renewed` states.
    func heard(_ shard: StoreShard, _ epoch: StoreEpoch, _ states: [UInt8]) -> RESPCommand {
        var command = call("a8_heard", shard, room: 64 + states.count)
        command.append(text: epoch.description)
        command.append(text: member.description)
        command.append(states)
        return command
    }

    /// Says that this member lives, and lets leases run out.
    func tick(
        _ shard: StoreShard, _ epoch: StoreEpoch, about: String, grace: Duration, atMost expiries: Int,
        by budget: ExpiryBudget
    ) -> RESPCommand {
        var command = call("a8_tick", shard)
        command.append(text: epoch.description)
        command.append(text: member.description)
        command.append(text: about)
        command.append(grace.wholeMilliseconds)
        command.append(Int64(expiries))
        command.append(text: budget.isOn ? "\(budget.share):\(budget.longest)" : "")
        return command
    }

    /// Lets no lease run out for a while: this member was away, and owners could not renew theirs.
    func hold(_ shard: StoreShard, _ epoch: StoreEpoch, for grace: Duration) -> RESPCommand {
        var command = call("a8_hold", shard)
        command.append(text: epoch.description)
        command.append(grace.wholeMilliseconds)
        return command
    }

    /// Says that this member stops, so that its silence holds nothing.
    func leave(_ shard: StoreShard, _ epoch: StoreEpoch) -> RESPCommand {
        var command = call("a8_leave", shard)
        command.append(text: epoch.description)
        command.append(text: member.description)
        return command
    }

    /// Asks for what is stored of ids.
    func get(_ shard: StoreShard, _ epoch: StoreEpoch, _ keys: [StateKey]) -> RESPCommand {
        var command = call("a8_get", shard)
        command.append(text: epoch.description)
        for key in keys {
            command.append(text: key.namespace.name)
            command.append(key.id.utf8)
        }
        return command
    }

    // MARK: - Commands of Redis itself

    /// Waits for the next events of some shards, each after a number, for a time at most.
    func read(_ shards: [(shard: StoreShard, after: UInt64)], atMost count: Int, waiting: Duration) -> RESPCommand {
        var command = RESPCommand("XREAD", capacity: 1_024)
        command.append(text: "COUNT")
        command.append(Int64(count))
        command.append(text: "BLOCK")
        command.append(waiting.wholeMilliseconds)
        command.append(text: "STREAMS")
        for (shard, _) in shards { command.append(text: shard.stream(prefix)) }
        for (_, after) in shards { command.append(text: "\(after)-0") }
        return command
    }

    /// Asks for some of the namespaces of a shard.
    func namespaces(_ shard: StoreShard, from cursor: String) -> RESPCommand {
        RESPCommand("SSCAN", shard.tag(prefix) + ":n", cursor, "COUNT", "1000")
    }

    /// Asks for a part of what is stored of a namespace.
    func scan(_ shard: StoreShard, _ kind: StoredKind, of namespace: Namespace, from cursor: String) -> RESPCommand {
        var command = RESPCommand("HSCAN")
        command.append(text: "\(shard.tag(prefix)):\(kind.rawValue):\(namespace.name)")
        command.append(text: cursor)
        command.append(text: "COUNT")
        command.append(500)
        return command
    }

    /// Asks which members there are.
    func members(_ shard: StoreShard) -> RESPCommand { RESPCommand("HGETALL", shard.tag(prefix) + ":w") }

    /// Asks how many replicas have what was written before, waiting for them for a time at most.
    static func wait(for replicas: Int, atMost time: Duration) -> RESPCommand {
        RESPCommand("WAIT", String(replicas), String(time.wholeMilliseconds))
    }
}
