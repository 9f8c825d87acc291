// A server of Redis as members see it, as a value: the functions of docs/redis-functions.md, naively, and the few commands
// beside them. A copy of it is a replica, so a promotion is an assignment, and whatever came after the copy is lost.

package import RESP
import RedisStore

/// What one id or name of a namespace is kept by.
package struct ModelKey: Hashable, Comparable {
    package let namespace: [UInt8]
    package let id: [UInt8]

    package static func < (left: ModelKey, right: ModelKey) -> Bool {
        (String(decoding: left.namespace, as: UTF8.self), String(decoding: left.id, as: UTF8.self))
            < (String(decoding: right.namespace, as: UTF8.self), String(decoding: right.id, as: UTF8.self))
    }
}

/// One shard.
package struct ModelShard {
    package struct Held {
        package var value: [UInt8]
        /// Milliseconds; infinite for an endless lease.
        package var lease: Double
        package var deadline: Double
        /// When its client changed it last, as the client says.
        package var changed: Int64?
    }

    package var history: String?
    package var generation: UInt64 = 1
    package var run = ""
    package var bases: [UInt64: UInt64] = [:]
    package var seq: UInt64 = 0
    package var hold: Int64 = 0
    package var instances: [ModelKey: Held] = [:]
    package var tombstones: [ModelKey: [UInt8]] = [:]
    package var overrides: [ModelKey: [UInt8]] = [:]
    package var services: [ModelKey: [UInt8]] = [:]
    package var events: [(number: UInt64, bytes: [UInt8])] = []
    package var members: [String: Int64] = [:]
    package var about: [String: String] = [:]

    var epoch: String? { history.map { "\($0).\(generation)" } }

    /// How many instances a namespace has.
    func count(of namespace: [UInt8]) -> Int { instances.keys.count { $0.namespace == namespace } }

    mutating func append(_ bytes: [UInt8]) -> UInt64 {
        seq += 1
        events.append((seq, bytes))
        return seq
    }
}

/// One server.
package struct ModelServer {
    /// Milliseconds between the end of a lease and its sweep.
    package var sweepDelay: Double = 300
    static let silence: Int64 = 2_500
    /// Milliseconds between the versions of registrations that members take without knowing of each other.
    static let sameTime: Int64 = 2_000
    /// Leases of an event: two, so that several tell of those that end together.
    package var mostTold = 2

    package let prefix: String
    package var run: String
    package var shards = (0..<StoreShard.count).map { _ in ModelShard() }
    /// Whether its memory is used up.
    package var isFull = false
    /// Leases that ran out in the last command, for whoever watches.
    package var ranOut: [(key: ModelKey, version: [UInt8])] = []

    package init(prefix: String, run: String) {
        self.prefix = prefix
        self.run = run
    }

    /// Does what it is asked at a time in milliseconds since 1970. Nil where a read finds no event: it waits.
    package mutating func execute(_ words: [[UInt8]], at now: Int64) -> RESPValue? {
        ranOut = []
        let name = text(words[0])
        switch name {
        case "FCALL": return call(words, at: now)
        case "XREAD": return read(words)
        case "SSCAN": return scanNamespaces(words)
        case "HSCAN": return scan(words)
        case "HGETALL":
            guard let shard = shard(of: words[1]) else { return .array([]) }
            return .array(shards[shard].about.sorted { $0.key < $1.key }.flatMap { [bytes($0.key), bytes($0.value)] })
        case "WAIT": return .integer(1)
        default: return .error(RESPFault("ERR unknown command '\(name)'"))
        }
    }

    // MARK: - Functions

    private mutating func call(_ words: [[UInt8]], at now: Int64) -> RESPValue {
        guard let number = shard(of: words[3]) else { return .error(RESPFault("A8ARG a key")) }
        let (name, arguments) = (text(words[1]), Array(words[4...]))
        if name == "a8_open" { return open(number, arguments, at: now) }
        guard let epoch = shards[number].epoch, epoch == text(arguments[0]) else {
            return .error(RESPFault("A8EPOCH another one"))
        }
        let rest = Array(arguments[1...])
        switch name {
        case "a8_put", "a8_heard":
            guard !isFull else { return .error(RESPFault("OOM command not allowed when used memory > 'maxmemory'")) }
            if name == "a8_heard" {
                return .integer(Int64(shards[number].append([UInt8(ascii: "h")] + rest[1])))
            }
            let results = stride(from: 1, to: rest.count, by: 10).map { place in
                put(number, Array(rest[place..<place + 10]), at: now)
            }
            return .array(([Int64(shards[number].seq)] + results).map { .integer($0) })
        case "a8_renew": return renew(number, rest, at: now)
        case "a8_tick": return tick(number, rest, at: now)
        case "a8_hold":
            shards[number].hold = max(shards[number].hold, now + decimal(rest[0]))
            return .integer(shards[number].hold)
        case "a8_leave":
            shards[number].members[text(rest[0])] = nil
            shards[number].about[text(rest[0])] = nil
            return .status("OK")
        case "a8_get":
            return .array(
                stride(from: 0, to: rest.count, by: 2).flatMap { place in
                    let key = ModelKey(namespace: rest[place], id: rest[place + 1])
                    let value = shards[number].instances[key]?.value ?? shards[number].tombstones[key] ?? []
                    return [RESPValue.bytes(value), .bytes(shards[number].overrides[key] ?? [])]
                })
        default: return .error(RESPFault("ERR Function not found"))
        }
    }

    private mutating func open(_ number: Int, _ arguments: [[UInt8]], at now: Int64) -> RESPValue {
        let (wanted, run) = (text(arguments[1]), text(arguments[2]))
        let parts = wanted.split(separator: ".")
        if shards[number].history == nil {
            guard parts.count == 1 else {
                return .array([bytes(""), .integer(0), .integer(now), .integer(0), bytes("")])
            }
            shards[number].history = wanted
            shards[number].generation = 1
            shards[number].run = run
            shards[number].bases = [1: shards[number].seq]
        } else if shards[number].run != run {
            shards[number].run = run
            shards[number].generation += 1
            shards[number].bases[shards[number].generation] = shards[number].seq
        }
        let shard = shards[number]
        var base: RESPValue = bytes("")
        if parts.count == 2, String(parts[0]) == shard.history, let since = UInt64(parts[1]), since < shard.generation {
            let lowest = ((since + 1)...shard.generation).map { shard.bases[$0] ?? 0 }.min() ?? 0
            base = .integer(Int64(lowest))
        }
        return .array([bytes(shard.epoch ?? ""), .integer(Int64(shard.seq)), .integer(now), .integer(shard.hold), base])
    }

    private mutating func put(_ number: Int, _ item: [[UInt8]], at now: Int64) -> Int64 {
        let (kind, state) = (text(item[0]), item[7])
        var (version, item) = (item[3], item)
        let key = ModelKey(namespace: item[1], id: item[2])
        if kind == "s" {
            if let held = shards[number].services[key], !isLater(version, held) { return 0 }
            shards[number].services[key] = version + state
            return Int64(shards[number].append([UInt8(ascii: "p")] + state + [0]))
        }
        let (held, gone) = (shards[number].instances[key], shards[number].tombstones[key])
        var takes = gone.map { isLater(version, $0) } ?? true
        if let held { takes = takes && (kind == "i" ? isLater(version, held.value) : !isLater(held.value, version)) }
        if takes, kind == "i", held == nil, !item[6].isEmpty,
            shards[number].count(of: key.namespace) >= decimal(item[6])
        {
            return -1
        }
        var isTurned = false
        if kind == "i", let held, let after = contest(item, held, isLater: takes) {
            (isTurned, takes) = (true, !takes)
            if takes {
                (version, item[3]) = (after, after)
            } else {
                shards[number].instances[key]?.value.replaceSubrange(..<16, with: after)
            }
        }
        let overrides = !item[8].isEmpty && (shards[number].overrides[key].map { isLater(item[8], $0) } ?? true)
        if overrides { shards[number].overrides[key] = item[8] }
        if kind == "i", takes || held != nil {
            setDeadline(number, key, item, held, takes: takes, at: now)
        }
        if takes {
            if kind == "i" {
                shards[number].tombstones[key] = nil
            } else {
                shards[number].instances[key] = nil
                shards[number].tombstones[key] = version + state
            }
        }
        guard takes || overrides || isTurned else { return 0 }
        let standing = shards[number].instances[key]?.value ?? shards[number].tombstones[key] ?? []
        let override = shards[number].overrides[key] ?? []
        let isNew = takes && !isTurned
        let told = isNew ? [UInt8(ascii: "p")] + standing.dropFirst(16) : [UInt8(ascii: "v")] + standing
        return Int64(shards[number].append(told + counted(override)))
    }

    /// The version in which that one stands, of two registrations at the same time, that its client changed later, where it
    /// has not the later version; nil where versions decide.
    private func contest(_ item: [[UInt8]], _ held: ModelShard.Held, isLater: Bool) -> [UInt8]? {
        guard !item[9].isEmpty, let known = held.changed, decimal(item[9]) != known else { return nil }
        let (new, old) = (time(of: item[3]), time(of: held.value))
        guard abs(Int64(new >> 16) - Int64(old >> 16)) <= Self.sameTime, isLater != (decimal(item[9]) > known) else {
            return nil
        }
        return word(Int64(bitPattern: (isLater ? new : old) &+ 2)) + [UInt8](repeating: 255, count: 8)
    }

    private func time(of version: [UInt8]) -> UInt64 { version.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }

    private mutating func setDeadline(
        _ number: Int, _ key: ModelKey, _ item: [[UInt8]], _ held: ModelShard.Held?, takes: Bool, at now: Int64
    ) {
        var heard = Double(now - decimal(item[5]))
        if let held, held.deadline < .infinity { heard = max(heard, min(Double(now), held.deadline - held.lease)) }
        if takes {
            let lease = text(item[4]) == "inf" ? Double.infinity : Double(decimal(item[4]))
            shards[number].instances[key] = ModelShard.Held(
                value: item[3] + item[7], lease: lease, deadline: heard + lease,
                changed: item[9].isEmpty ? nil : decimal(item[9]))
        } else if let held {
            shards[number].instances[key]?.deadline = max(held.deadline, heard + held.lease)
        }
    }

    private mutating func renew(_ number: Int, _ arguments: [[UInt8]], at now: Int64) -> RESPValue {
        var flags: [UInt8] = []
        for place in stride(from: 2, to: arguments.count, by: 3) {
            let key = ModelKey(namespace: arguments[place], id: arguments[place + 1])
            let held = shards[number].instances[key]
            flags.append(held == nil ? UInt8(ascii: "0") : UInt8(ascii: "1"))
            guard let held, text(arguments[place + 2]) != "inf" else { continue }
            let deadline = max(held.deadline, Double(now + decimal(arguments[place + 2])))
            shards[number].instances[key]?.deadline = deadline
        }
        return .bytes(flags)
    }

    private mutating func tick(_ number: Int, _ arguments: [[UInt8]], at now: Int64) -> RESPValue {
        let (member, grace, limit) = (text(arguments[0]), decimal(arguments[2]), Int(decimal(arguments[3])))
        var hold = shards[number].hold
        var isAnybodyHeard = false
        for (other, last) in shards[number].members where other != member {
            guard now - last > Self.silence else {
                isAnybodyHeard = true
                continue
            }
            if last + grace > now {
                hold = max(hold, last + grace)
            } else {
                shards[number].members[other] = nil
                shards[number].about[other] = nil
            }
        }
        if let own = shards[number].members[member] {
            if now - own > Self.silence { hold = max(hold, now + grace) }
        } else if !isAnybodyHeard, !shards[number].instances.isEmpty {
            hold = max(hold, now + grace)
        }
        shards[number].hold = hold
        shards[number].members[member] = now
        shards[number].about[member] = text(arguments[1])
        var swept = 0
        if now >= hold {
            let overdue = shards[number].instances.filter { $0.value.deadline <= Double(now) - sweepDelay }
                .sorted(by: { ($0.value.deadline, $0.key) < ($1.value.deadline, $1.key) }).prefix(limit).map(\.key)
            swept = overdue.count
            for (namespace, keys) in Dictionary(grouping: overdue, by: \.namespace)
                .sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
            {
                for first in stride(from: 0, to: keys.count, by: mostTold) {
                    runOut(number, keys[first...].prefix(mostTold), of: namespace, at: now)
                }
            }
        }
        let fields = [now, hold, Int64(swept), swept == limit ? 1 : 0, 1, Int64(shards[number].seq)]
        let first = shards[number].instances.values.map(\.deadline).min() ?? .infinity
        let next = first < .infinity ? Int64(first + sweepDelay) : 0
        return .array(fields.map { .integer($0) } + [.array([]), .integer(next)])
    }

    /// Leases of a namespace, which one event tells of.
    private mutating func runOut(_ number: Int, _ keys: ArraySlice<ModelKey>, of namespace: [UInt8], at now: Int64) {
        var event = [UInt8(ascii: "x")] + word(now * 1_000) + counted(namespace)
        for key in keys {
            guard let held = shards[number].instances.removeValue(forKey: key) else { continue }
            let version = Array(held.value.prefix(16))
            event += counted(key.id) + version
            ranOut.append((key, version))
        }
        _ = shards[number].append(event)
    }

    // MARK: - Commands

    private func read(_ words: [[UInt8]]) -> RESPValue? {
        let most = Int(decimal(words[2]))
        let names = words[6...]
        let count = names.count / 2
        var streams: [RESPValue] = []
        for place in 0..<count {
            let name = words[6 + place]
            guard let number = shard(of: name), let after = UInt64(text(words[6 + count + place]).dropLast(2)) else {
                continue
            }
            let events = shards[number].events.filter { $0.number > after }.prefix(most)
            guard !events.isEmpty else { continue }
            streams.append(
                .array([
                    .bytes(name),
                    .array(events.map { .array([bytes("\($0.number)-0"), .array([bytes("d"), .bytes($0.bytes)])]) }),
                ]))
        }
        return streams.isEmpty ? nil : .array(streams)
    }

    private func scanNamespaces(_ words: [[UInt8]]) -> RESPValue {
        guard let number = shard(of: words[1]) else { return .array([bytes("0"), .array([])]) }
        let shard = shards[number]
        var found: Set<[UInt8]> = []
        for keys in [
            Array(shard.instances.keys), Array(shard.tombstones.keys), Array(shard.overrides.keys),
            Array(shard.services.keys),
        ] { found.formUnion(keys.map(\.namespace)) }
        return .array([bytes("0"), .array(found.map { .bytes($0) })])
    }

    /// A part at a time, by the last byte of the id: what is there all the time is found once.
    private func scan(_ words: [[UInt8]]) -> RESPValue {
        let key = text(words[1])
        guard let number = shard(of: words[1]), let end = key.firstRange(of: "}:")?.upperBound else {
            return .array([bytes("0"), .array([])])
        }
        let rest = key[end...]
        let (kind, namespace) = (rest.prefix(1), Array(rest.dropFirst(2).utf8))
        let values: [ModelKey: [UInt8]] =
            switch kind {
            case "i": shards[number].instances.mapValues { $0.value + tail(of: $0) }
            case "t": shards[number].tombstones
            case "o": shards[number].overrides
            default: shards[number].services
            }
        let part = decimal(words[2])
        let found = values.filter { $0.key.namespace == namespace && Int64($0.key.id.last ?? 0) % 4 == part }
        let next = part == 3 ? "0" : "\(part + 1)"
        return .array([bytes(next), .array(found.flatMap { [.bytes($0.key.id), .bytes($0.value)] })])
    }

    // MARK: - Bytes

    private func tail(of held: ModelShard.Held) -> [UInt8] {
        func bytes(_ number: Double) -> [UInt8] { word(Int64(bitPattern: number.bitPattern)) }
        return held.changed.map { bytes(Double($0)) + bytes(-held.lease) } ?? bytes(held.lease)
    }

    private func shard(of key: [UInt8]) -> Int? {
        let text = text(key)
        guard text.hasPrefix("{\(prefix)."), let end = text.firstIndex(of: "}") else { return nil }
        return Int(text[text.index(text.startIndex, offsetBy: prefix.count + 2)..<end])
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    private func bytes(_ text: String) -> RESPValue { .bytes(Array(text.utf8)) }
    private func decimal(_ bytes: [UInt8]) -> Int64 { Int64(text(bytes)) ?? 0 }

    private func word(_ number: Int64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * Int64($0))) }
    }

    private func counted(_ bytes: [UInt8]) -> [UInt8] {
        var (digits, count): ([UInt8], Int) = ([], bytes.count)
        while count > 127 {
            digits.append(UInt8(count & 127) | 128)
            count >>= 7
        }
        return digits + [UInt8(count)] + bytes
    }

    private func isLater(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        other.prefix(16).lexicographicallyPrecedes(one.prefix(16))
    }
}

extension RESPCommand {
    /// Its arguments, its name first.
    package var words: [[UInt8]] {
        var sent: [UInt8] = []
        write(to: &sent)
        var (place, words): (Int, [[UInt8]]) = (0, [])
        func number() -> Int {
            var value = 0
            place += 1
            while sent[place] != 0x0D {
                value = value * 10 + Int(sent[place] - 0x30)
                place += 1
            }
            place += 2
            return value
        }
        for _ in 0..<number() {
            let length = number()
            words.append(Array(sent[place..<place + length]))
            place += length + 2
        }
        return words
    }
}
