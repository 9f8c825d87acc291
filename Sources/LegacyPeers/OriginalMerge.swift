// What a legacy peer's message does to our catalog. The catalog knows states with versions; here is decided which
// version a message of none has, by what is held. Another thread may change what is held in between; then versions
// decide again, as everywhere.

import Catalog

/// What is to be done after a message was taken in.
enum OriginalConsequence {
    case nothing
    /// This was merged.
    case merged(Replicated)
    /// It was about an instance that is not here: to be asked for.
    case ask(InstanceID)
    /// It asks for an instance.
    case answer(InstanceID)
}

/// Takes in the messages of one original.
struct OriginalMerge {
    /// How often a renewal is tried again that met a change of another thread.
    private static let attempts = 3

    let store: Store
    let sender: MemberID
    let clock: OriginalClock

    /// What is known of a message beside what it says.
    struct Circumstances {
        var moment: Moment
        /// Milliseconds that this member may have left the message lying, because it was paused.
        var pause: Int64 = 0
        /// For a piece of a copy: whether a live message about the same id has come since the copy was asked for. What
        /// the copy then says may be older.
        var isTouched = false

        /// That of a message without a time. If it was left lying it may be as old as that, and the copy that is asked
        /// for then says better.
        var heartbeat: Heartbeat { Heartbeat(age: pause, wall: moment.wall - pause * 1_000_000) }
    }

    /// Throws when the message is about something that cannot be.
    func take(_ envelope: OriginalEnvelope, _ circumstances: Circumstances) throws(OriginalMessageError)
        -> OriginalConsequence
    {
        let namespace = Namespace(envelope.namespace)
        let moment = circumstances.moment
        switch envelope.message {
        case .register(let registered):
            return try register(registered, envelope.kind, namespace, circumstances)
        case .renew(let bytes):
            let id = try Self.id(bytes)
            return renew(id, namespace, circumstances.heartbeat, moment)
        case .setStatus(let bytes, let status):
            return setStatus(try Self.id(bytes), InstanceStatus(status), namespace, circumstances)
        case .deregister(let bytes): return deregister(try Self.id(bytes), namespace, circumstances)
        case .repair(let bytes): return .answer(try Self.id(bytes))
        }
    }

    static func id(_ bytes: [UInt8]) throws(OriginalMessageError) -> InstanceID {
        guard let id = InstanceID(bytes[...]) else { throw .value(.instance) }
        return id
    }

    // MARK: - One message each

    private func register(
        _ registered: OriginalInstance, _ kind: OriginalEnvelope.Kind, _ namespace: Namespace,
        _ circumstances: Circumstances
    ) throws(OriginalMessageError) -> OriginalConsequence {
        let instance = try registered.instance()
        let (moment, pause) = (circumstances.moment, circumstances.pause)
        var age = clock.age(of: registered.lastRenewal, wall: moment.wall)
        // What is live was sent just now, whatever a clock that has since been set may say.
        if kind == .live { age = min(age, OriginalClock.delay / 1_000_000 + pause) }
        let heartbeat = Heartbeat(age: age, wall: registered.lastRenewal)
        let held = store.state(of: instance.id, in: namespace, at: moment)?.replica

        if case .present(let known, let version, _) = held, known.registered == instance.registered {
            // The same registration, received before; unless legacy peers keep the time when a client registers again.
            let isChanged = kind == .live && !known.says(theSameAs: instance)
            let isMissed =
                kind == .copy && !circumstances.isTouched && known.status != instance.status
                && isLatest(version, for: instance) && !isShown(instance, in: namespace, at: moment)
            if isChanged || isMissed {
                return merge(.present(instance, version.successor(origin: sender), heartbeat), namespace, moment)
            }
            let renewed = renew(instance.id, namespace, heartbeat, moment)
            // It was just received.
            if case .ask = renewed { return .nothing }
            return renewed
        }
        let made =
            kind == .live
            ? HybridTime(
                nanoseconds: clock.liveRegistration(registered.registered, wall: moment.wall, pause: pause * 1_000_000))
            // It may have been made at one of ours, and have been deregistered since: at one of the release before,
            // whose clocks count whole milliseconds, even.
            : HybridTime(nanoseconds: clock.copiedRegistration(registered.registered, wall: moment.wall))
                .wholeMilliseconds
        var version = Version(time: made, origin: sender)
        if case .absent(_, let buried, _, _) = held, buried.origin == sender {
            // Deregistered while it was being copied.
            if circumstances.isTouched { return .nothing }
            // What one member says live is in order, whatever the stamps.
            if kind == .live { version = max(version, buried.successor(origin: sender)) }
        }
        return merge(.present(instance, version, heartbeat), namespace, moment)
    }

    /// Whether a status in a copy of the sender's must be newer than what is held of the same registration: what is
    /// held has not changed since it was registered, or by the sender only, and we missed what it said since.
    private func isLatest(_ version: Version, for instance: Instance) -> Bool {
        let stamp = HybridTime(nanoseconds: instance.registered)
        return version.origin == sender || version.time.isSimultaneous(with: stamp)
            || version.time == stamp.wholeMilliseconds
    }

    /// Whether the status is the one that counts here, be it by an operator's word, which was told with the instance.
    private func isShown(_ instance: Instance, in namespace: Namespace, at moment: Moment) -> Bool {
        store.instance(instance.id, in: namespace, at: moment.lease)?.instance.status == instance.status
    }

    private func renew(_ id: InstanceID, _ namespace: Namespace, _ heartbeat: Heartbeat, _ moment: Moment)
        -> OriginalConsequence
    {
        for _ in 0..<Self.attempts {
            switch store.state(of: id, in: namespace, at: moment)?.replica {
            case nil: return .ask(id)
            // Deregistered by another member while the sender did not receive it. To ask would only bring it back.
            case .absent: return .nothing
            case .present(_, let version, _):
                let renewed = Replicated(namespace: namespace, replica: .renewed(id, version, heartbeat))
                if store.merge(renewed, at: moment) != .missing { return .merged(renewed) }
            case .renewed, .service: return .nothing  // No record is one.
            }
        }
        return .ask(id)
    }

    private func setStatus(
        _ id: InstanceID, _ status: InstanceStatus, _ namespace: Namespace, _ circumstances: Circumstances
    ) -> OriginalConsequence {
        let moment = circumstances.moment
        switch store.state(of: id, in: namespace, at: moment)?.replica {
        case .present(let instance, let version, let held):
            guard instance.status != status else { return .nothing }
            // The lease of what did not expire begins now; any other goes on.
            let heartbeat = instance.isOutOfService ? circumstances.heartbeat : held
            return merge(
                .present(instance.with(status: status), version.successor(origin: sender), heartbeat), namespace, moment
            )
        case nil: return .ask(id)
        case .absent, .renewed, .service: return .nothing
        }
    }

    private func deregister(_ id: InstanceID, _ namespace: Namespace, _ circumstances: Circumstances)
        -> OriginalConsequence
    {
        let moment = circumstances.moment
        // What has run out here counts too: others, who still have it, derive the same version.
        switch store.stateForPeers(of: id, in: namespace, at: moment)?.replica {
        case .present(_, let version, _):
            return merge(.absent(id, version.successor(origin: sender)), namespace, moment)
        // A copy that is under way may still bring it, older than this; a registration that followed at another
        // original must be later.
        case nil:
            let earliest = OriginalClock.earliestLive(wall: moment.wall, pause: circumstances.pause * 1_000_000)
            return merge(
                .absent(id, Version(time: HybridTime(nanoseconds: earliest), origin: sender)), namespace, moment)
        case .absent, .renewed, .service: return .nothing
        }
    }

    private func merge(_ replica: Replica, _ namespace: Namespace, _ moment: Moment) -> OriginalConsequence {
        let replicated = Replicated(namespace: namespace, replica: replica)
        _ = store.merge(replicated, at: moment)
        return .merged(replicated)
    }
}
