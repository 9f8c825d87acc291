// What an override of a service has to do with each of its instances, once it counts or its drain has ended. A service
// may have a hundred thousand instances and a lock is held for a few hundred: so the work is noted here and done by the
// thread that lets leases run out. It may be done twice, and only by the member itself, so nothing is lost with one.

/// The work that is left, in the order of coming. A pure value; its owner guards it.
struct ServicePasses: Sendable {
    /// That the statuses of a service's instances are others than before, and who has done that.
    struct Announcement: Sendable {
        /// What counted before and what counts now; nil is what each instance says itself.
        var before: InstanceStatus?
        let after: InstanceStatus?
        let kind: Change.Kind
        /// When that ends, or the drain, in nanoseconds since 1970; nil where it has no end.
        let until: Int64?
        /// Microseconds since 1970.
        let time: Int64
        let member: MemberID
        let actor: Actor?
    }

    enum Task: Sendable {
        case announce(Announcement)
        /// Those that a drain concerns are deregistered.
        case leave
    }

    struct Pass: Sendable {
        let key: ServiceKey
        fileprivate(set) var task: Task
        /// Members that were not visited yet, from the front (`SlotList`). Of one that has not begun, all.
        var remaining = Int.max

        fileprivate var hasBegun: Bool { remaining < .max }
    }

    private var passes: [Pass] = []
    /// The first that is not done. Invariant: one of `passes`, or their end.
    private var first = 0

    var isEmpty: Bool { first == passes.count }

    /// The work that comes first.
    var next: Pass? {
        get { isEmpty ? nil : passes[first] }
        set {
            guard let newValue, newValue.remaining > 0 else { return removeFirst() }
            passes[first] = newValue
        }
    }

    private mutating func removeFirst() {
        first += 1
        guard first == passes.count || first > 64 && first > passes.count / 2 else { return }
        passes.removeFirst(first)
        first = 0
    }

    /// Notes that statuses are others. What was to be said of the same service and has not begun becomes one with it, so
    /// that there are two of a service at most, however often its override changes.
    mutating func add(_ announcement: Announcement, of key: ServiceKey) {
        var announcement = announcement
        if let index = lastIndex(of: key, where: { if case .announce = $0 { true } else { false } }),
            !passes[index].hasBegun, case .announce(let earlier) = passes[index].task
        {
            announcement.before = earlier.before
            passes[index].task = .announce(announcement)
        } else {
            passes.append(Pass(key: key, task: .announce(announcement)))
        }
    }

    /// Notes that instances of a service have to leave.
    mutating func addLeave(of key: ServiceKey) {
        if let index = lastIndex(of: key, where: { if case .leave = $0 { true } else { false } }) {
            passes[index].remaining = .max
        } else {
            passes.append(Pass(key: key, task: .leave))
        }
    }

    /// Whether instances of a service are still to leave.
    func hasLeave(of key: ServiceKey) -> Bool {
        lastIndex(of: key, where: { if case .leave = $0 { true } else { false } }) != nil
    }

    /// What is still to be said of a service, the earliest first.
    func announcements(of key: ServiceKey) -> [Announcement] {
        passes[first...].compactMap { pass in
            guard pass.key == key, case .announce(let announcement) = pass.task else { return nil }
            return announcement
        }
    }

    private func lastIndex(of key: ServiceKey, where isSuch: (Task) -> Bool) -> Int? {
        passes[first...].lastIndex { $0.key == key && isSuch($0.task) }
    }
}
