// Members of an imagined cluster: stores whose lease clocks were started at different times and whose wall clocks
// disagree.

import TestCatalog
import TestTime
import Time

@testable import Catalog

func version(_ milliseconds: UInt64, origin: UInt64 = 1) -> Version {
    Version(time: HybridTime(bits: milliseconds << 16), origin: MemberID(bits: origin))
}

func present(
    _ id: UInt64, _ version: Version, status: InstanceStatus = .up, ttl: Int64 = 30_000, service: String = "web",
    age: Int64 = 0,
    wall: Int64 = 0
) -> Replica {
    .present(makeInstance(id, service: service, status: status, ttl: ttl), version, Heartbeat(age: age, wall: wall))
}

func present(
    _ version: Version, status: InstanceStatus = .up, ttl: Int64 = 30_000, service: String = "web", age: Int64 = 0,
    wall: Int64 = 0
) -> Replica {
    present(1, version, status: status, ttl: ttl, service: service, age: age, wall: wall)
}

extension TombstoneLimits {
    /// Room for so many ids that are digests in one namespace, and for sixteen times as many in all.
    init(retention: Int64, countPerNamespace: Int) {
        self.init(retention: retention, bytes: countPerNamespace * Tombstones.cost * Self.namespaces)
    }
}

extension Replica {
    var heartbeat: Heartbeat? {
        switch self {
        case .present(_, _, let heartbeat), .renewed(_, _, let heartbeat): heartbeat
        case .absent, .service: nil
        }
    }

    var isPresent: Bool { if case .present = self { true } else { false } }
    var isAbsent: Bool { if case .absent = self { true } else { false } }
    var isRenewal: Bool { if case .renewed = self { true } else { false } }

    var instance: Instance? { if case .present(let instance, _, _) = self { instance } else { nil } }
}

/// A store and its clocks. The time that tests speak of is the true one, in milliseconds.
final class Member {
    let store: Store
    let name: MemberID
    /// The true time at which its lease clock was started.
    let start: Int64
    /// How far its wall clock is ahead, in milliseconds.
    let skew: Int64
    /// Lease time lost to pauses.
    var lost: Int64 = 0

    init(
        _ name: UInt64, start: Int64 = 0, skew: Int64 = 0, tombstones: TombstoneLimits = .standard,
        wake: @escaping @Sendable () -> Void = {}
    ) {
        self.name = MemberID(bits: name)
        self.start = start
        self.skew = skew
        store = Store(namespaceCapacity: nil, replicating: self.name, tombstones: tombstones, wake: wake)
    }

    func moment(_ now: Int64) -> Moment {
        Moment(
            monotonic: MonotonicTime(milliseconds: now), lease: at(now - start - lost), wall: (now + skew) * 1_000_000,
            lost: lost)
    }

    @discardableResult
    func apply(_ command: Command, in namespace: Namespace = tenant, at now: Int64) -> Outcome {
        store.apply(command, in: namespace, at: moment(now)).outcome
    }

    @discardableResult
    func renew(_ id: InstanceID, in namespace: Namespace = tenant, at now: Int64) -> Bool {
        store.renew(id, in: namespace, at: moment(now))
    }

    @discardableResult
    func merge(_ replica: Replica, in namespace: Namespace = tenant, at now: Int64) -> MergeOutcome {
        store.merge(Replicated(namespace: namespace, replica: replica), at: moment(now))
    }

    func replica(_ id: InstanceID, in namespace: Namespace = tenant, at now: Int64) -> Replica? {
        store.state(of: id, in: namespace, at: moment(now))?.replica
    }

    func drain(renewals: Bool = true, at now: Int64) -> [Replicated] {
        var changes: [Replicated] = []
        var hasMore = true
        while hasMore {
            let drained = store.drain(includeRenewals: renewals, budget: 100, at: moment(now))
            changes += drained.changes
            hasMore = drained.hasMore
        }
        return changes
    }

    func has(_ id: InstanceID, in namespace: Namespace = tenant, at now: Int64) -> Bool {
        store.instance(id, in: namespace, at: moment(now).lease) != nil
    }

    /// Expires until nothing is left for this moment; the ids of those that went.
    @discardableResult
    func expire(at now: Int64) -> [InstanceID] {
        store.shards.indices.flatMap { number in store.change(number) { $0.expireAll(at: moment(now).lease) } }
    }

    /// A whole copy of another member, in pieces.
    func copyAll(limit: Int = 7, at now: Int64) -> [Replicated] {
        var items: [Replicated] = []
        var cursor: CopyCursor? = .start
        while let from = cursor {
            let piece = store.copy(from: from, limit: limit, at: moment(now))
            items += piece.items
            cursor = piece.next
        }
        return items
    }

    /// Looks where another member differs and takes over what it has newer.
    func repair(from other: Member, at now: Int64) {
        let (mine, theirs) = (store.digest(), other.store.digest())
        guard mine.root != theirs.root else { return }
        let differing = (0..<BucketDigest.bucketCount).filter { mine.buckets[$0] != theirs.buckets[$0] }.map {
            UInt16($0)
        }
        for key in other.store.keys(in: differing, at: other.moment(now)) {
            let held = store.state(of: key.id, in: key.namespace, at: moment(now))?.replica.version ?? .none
            guard held < key.version,
                let found = other.store.stateForPeers(of: key.id, in: key.namespace, at: other.moment(now))
            else {
                continue
            }
            _ = store.merge(found, at: moment(now))
        }
    }
}
