// What is said of the fields of `Records`, as assertions: tests look at them after whatever they have done.

extension Records {
    /// Stops a debug build where what is said of the fields does not hold. Looks at everything: for tests.
    func checkInvariants() {
        instances.checkInvariants()
        arena.checkInvariants()
        assert(arena.count == instances.count, "what is said is kept for every instance, and for no other")
        slots.checkInvariants()
        index.checkInvariants()
        held.checkInvariants()
        services.checkInvariants()
        checkStatuses()
        assert(
            instances.count == slots.count && index.count == slots.count, "every record has an instance and is found")
        secondaryIndex.checkInvariants(count: slots.count) { (slots[$0].place, stateHash($0)) }
        guard slots.count > 0 else {
            assert(
                held.count + silence.count + unaddressable == 0 && replicationState.digest.allSatisfy { $0 == 0 },
                "where nothing is held, nothing is said of it")
            return
        }
        var digest = [UInt64](repeating: 0, count: BucketDigest.bucketCount)
        var overrides = digest
        services.toggleAll(in: &overrides)
        var (next, changed, renewed, overdue, addressless) = (Int32(0), 0, 0, 0, 0)
        while let slot = slots.occupied(from: next) {
            next = slot + 1
            assert(instances.contains(slot), "both slabs have the same slots")
            let (id, namespace) = (instance(slot).id, namespace(slot))
            if !instance(slot).hasAddress { addressless += 1 }
            assert(self.slot(of: id, in: namespace) == slot, "an instance is found by its id")
            if held.contains(slot) || silence.contains(slot) {
                assert(slots[slot].isOverdue, "what is held is marked as overdue")
                overdue += 1
            }
            guard isTold else { continue }
            let key = BucketKey(id, in: namespace)
            assert(slots[slot].bucket == key.bucket, "a record knows its bucket")
            digest[Int(key.bucket)] ^= key.fingerprint(of: slots[slot].version)
            let override = overrideVersion(slot)
            if override != .none { overrides[Int(key.bucket)] ^= StableHash.mixed(key.fingerprint(of: override)) }
            assert(replicationState.tombstones.find(id, in: namespace) == nil, "what is held has no tombstone")
            assert(replicationState.expired.find(id, in: namespace) == nil, "what is held has not expired")
            changed += replicationState.changed.contains(slot) ? 1 : 0
            renewed += replicationState.renewed.contains(slot) ? 1 : 0
        }
        assert(held.count + silence.count == overdue, "only occupied slots are held")
        assert(shelf.endCount <= overridden, "only overrides that count end")
        assert(addressless == unaddressable, "what has no address is counted")
        guard isTold else { return }
        replicationState.changed.checkInvariants()
        replicationState.renewed.checkInvariants()
        assert(
            replicationState.changed.count == changed && replicationState.renewed.count == renewed,
            "only what is held is to be told")
        assert(replicationState.digest == digest, "the digest has exactly the records")
        assert(
            overrides == replicationState.overrideDigest
                || replicationState.overrideDigest.isEmpty && overrides.allSatisfy { $0 == 0 },
            "the digest of overrides has exactly those of the records")
    }

    /// The tallies have exactly what the instances count as, and each service has the override that stands.
    private func checkStatuses() {
        var shown: [Int32: StatusTally] = [:]
        var said: [Int32: StatusTally] = [:]
        var next = Int32(0)
        while let slot = slots.occupied(from: next) {
            next = slot + 1
            let (place, counted) = (slots[slot].place, counted(slot))
            shown[place.table, default: StatusTally()].add(counted.shown, 1)
            said[place.service, default: StatusTally()].add(counted.said ?? .up, counted.said == nil ? 0 : 1)
        }
        for (table, tally) in shown {
            assert(secondaryIndex.tables[table].tally == tally, "a namespace counts the statuses that readers see")
        }
        for (slot, tally) in said {
            let service = secondaryIndex.services[slot]
            assert(service.tally == tally, "a service counts what its instances say")
            let word = serviceWord(service.name, in: secondaryIndex.tables[service.table].namespace)
            assert(
                service.override == word?.slot ?? -1 && service.overrideHash == word?.hash ?? 0,
                "a service has the override that counts")
        }
    }
}
