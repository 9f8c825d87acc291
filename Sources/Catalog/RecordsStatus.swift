// What counts as the status of an instance: the override of its own, if one stands; else that of its service; else what
// it says itself. All readers ask here, so that they agree: lists, tags, tallies and the change log.

extension Records {
    /// The slot of the override of its service, if one counts; be there one of its own or not. Inlined for the reason of
    /// `slot`.
    @inline(__always)
    func serviceOverride(_ slot: Int32) -> Int32? {
        guard services.standing > 0 else { return nil }
        let override = secondaryIndex.services[slots[slot].place.service].override
        return override >= 0 ? override : nil
    }

    func leased(_ slot: Int32) -> LeasedInstance {
        guard !slots[slot].isOverridden, serviceOverride(slot) == nil else { return overridden(slot) }
        return LeasedInstance(
            instance: instance(slot), lastHeartbeat: slots[slot].lastHeartbeat, isOverdue: slots[slot].isOverdue)
    }

    /// The same of an instance whose status is an operator's.
    private func overridden(_ slot: Int32) -> LeasedInstance {
        let instance = instance(slot)
        let own = slots[slot].isOverridden ? instance.override : nil
        let override = own ?? serviceOverride(slot).flatMap { services[$0].standing }
        let (said, counts) = (instance.status, override?.status ?? instance.status)
        let isLeaving = override?.departure.map { slots[slot].version < $0 } ?? false
        return LeasedInstance(
            instance: instance.with(status: counts), lastHeartbeat: slots[slot].lastHeartbeat,
            isOverdue: slots[slot].isOverdue, registeredStatus: said == counts ? nil : said,
            drainEnd: isLeaving ? override?.drain?.end : nil, hasServiceOverride: own == nil && override != nil)
    }

    /// What the instance at a slot counts as.
    func counted(_ slot: Int32) -> SecondaryIndex.Counted {
        guard !slots[slot].isOverridden else {
            return SecondaryIndex.Counted(shown: instance(slot).effectiveStatus, said: nil)
        }
        let said = arena.withRun(instances[slot]) { PackedInstance.status($0) }
        return SecondaryIndex.Counted(
            shown: serviceOverride(slot).flatMap { services[$0].standing?.status } ?? said, said: said)
    }

    /// Notes whether the instance at a slot, which has just come to be what it is, has an override that counts.
    mutating func judgeOverride(_ slot: Int32, of instance: Instance, in namespace: Namespace) {
        let override = instance.override
        let counts = override?.status != nil
        if counts != slots[slot].isOverridden { overridden += counts ? 1 : -1 }
        slots[slot].isOverridden = counts
        if let override { shelf.note(override, instance.id, in: namespace) }
    }

    /// What an instance adds to the digests of its service and namespace: another number while look-ups say that it is
    /// overdue. Inlined for the reason of `slot`.
    @inline(__always)
    func stateHash(_ slot: Int32) -> UInt64 {
        var hash = StateHash.of(id(slot), slots[slot].version)
        if slots[slot].isOverridden { hash = overriddenHash(slot, hash) }
        return slots[slot].isOverdue ? StableHash.mixed(hash) : hash
    }

    /// Another number for each override: it is another list to a cache.
    @inline(never)
    private func overriddenHash(_ slot: Int32, _ hash: UInt64) -> UInt64 {
        guard let version = instance(slot).override?.version else { return hash }
        return StableHash.mixed(hash &+ StableHash.mixed(version.time.bits &+ StableHash.mixed(version.origin.bits)))
    }

    /// The same with what the override of its service adds: what the digests have of it.
    func listedHash(_ slot: Int32) -> UInt64 {
        stateHash(slot) &+ secondaryIndex.services[slots[slot].place.service].overrideHash
    }
}

// MARK: - Overrides of services

extension Records {
    /// The override of a service that counts, as the secondary index has it.
    func serviceWord(_ service: Name, in namespace: Namespace) -> SecondaryIndex.ServiceWord? {
        guard services.standing > 0,
            let slot = services.slot(of: ServiceKey(namespace: namespace, service: service)),
            let override = services[slot].standing
        else { return nil }
        return (slot, override.serviceHash)
    }

    /// Puts an override of a service in place of what was said of it before, and has all its instances that have none of
    /// their own count as it says.
    ///
    /// - Parameter isUntold: whether it has to be published.
    mutating func override(
        _ key: ServiceKey, with override: StatusOverride, in phase: StatusOverride.Phase, isUntold: Bool,
        at moment: Moment, by actor: Actor? = nil
    ) {
        let before = services.slot(of: key).flatMap { services[$0].standing }
        let slot = services.put(override, in: phase, of: key, isUntold: isUntold)
        let after = phase == .over ? nil : override
        // What registers from now on is later than what leaves, also where that is ahead of the time.
        if phase == .left, let departure = override.departure { observe(departure) }
        if isTold, before?.version != after?.version {
            if let before { replicationState.toggleOverride(key.bucketKey, before.version) }
            if let after { replicationState.toggleOverride(key.bucketKey, after.version) }
        }
        guard before != nil || after != nil, let table = secondaryIndex.table(of: key.namespace),
            let service = secondaryIndex.service(key.service, in: table)
        else { return }
        let index = secondaryIndex.advance(table, at: moment.microseconds)
        secondaryIndex.override(
            service, under: slot.flatMap { slot in after.map { (slot, $0.serviceHash) } }, from: before?.status,
            to: after?.status, index: index)
        if isLogged, before?.status != after?.status {
            services.passes.add(
                ServicePasses.Announcement(
                    before: before?.status, after: after?.status, kind: after?.change ?? .overrideRemoved,
                    until: after?.end, time: moment.microseconds,
                    member: override.version.origin, actor: actor), of: key)
            secondaryIndex.setUnannounced(true, service)
        }
        if phase == .left { services.passes.addLeave(of: key) }
    }

    /// Has the change log say what an override of its service has done to the status of an instance, before it says what
    /// comes after that.
    mutating func announceFirst(_ slot: Int32) {
        let service = slots[slot].place.service
        guard secondaryIndex.services[service].isUnannounced else { return }
        let key = ServiceKey(namespace: namespace(slot), service: secondaryIndex.services[service].name)
        for announcement in services.passes.announcements(of: key) { announce(announcement, slot) }
    }

    /// Has the change log say what an override of its service has done to the status of an instance.
    mutating func announce(_ announcement: ServicePasses.Announcement, _ slot: Int32) {
        guard isLogged, !slots[slot].isOverridden else { return }
        let (instance, place, namespace) = (instance(slot), slots[slot].place, namespace(slot))
        let before = announcement.before ?? instance.status
        let after = announcement.after ?? instance.status
        guard before != after else { return }
        let index = secondaryIndex.advance(place.table, at: announcement.time)
        secondaryIndex.touch(place, difference: 0, index: index)
        log?.append(
            announcement.kind, index, at: announcement.time, instance, in: namespace, before: before, after: after,
            until: announcement.until, member: announcement.member, by: announcement.actor)
    }

    /// Notes that the instance at a slot has to leave, if the drain of its service has ended and it was there before.
    mutating func judgeDrain(_ slot: Int32) {
        guard let word = serviceOverride(slot), isLeaving(slot, by: services[word]) else { return }
        services.passes.addLeave(of: services[word].key)
    }

    /// Whether the end of the drain of its service concerns the instance at a slot: it registered before, and no override
    /// of its own says otherwise.
    func isLeaving(_ slot: Int32, by entry: ServiceOverrides.Entry) -> Bool {
        guard entry.phase == .left, !slots[slot].isOverridden, let departure = entry.override.departure else {
            return false
        }
        return slots[slot].version < departure
    }
}
