// How many leases have run out in each namespace within its minute, and those beyond what may: they are held, and go
// with the next minutes, the oldest deadline first. Nothing is kept of a namespace in which nothing ran out lately.

import Time

/// Leases that are held because too many of their namespace ran out at once. A pure value; its owner guards it.
struct Silence: Sendable {
    /// One namespace's.
    struct Minute: Sendable {
        let namespace: Namespace
        /// Of the instances, when it began.
        var instances: Int
        var end: LeaseTime
        /// How many may run out in it; `.max` is all.
        var allowance: Int
        var ranOut = 0
        var held = DeadlineHeap()
        /// Since when leases are held; nil while none is.
        var since: MonotonicTime?
        /// The latest deadline of those that went.
        var latestGone = LeaseTime(milliseconds: .min)
        /// Since leases were held first; nil while none was.
        var episode: Episode?

        var hasRoom: Bool { ranOut < allowance }
    }

    /// Minutes that followed each other, from the first lease that was held.
    struct Episode: Sendable {
        /// Microseconds since 1970.
        let start: Int64
        var ranOut: Int
        var returned = 0
    }

    /// How many reports wait to be taken at most.
    static let reportLimit = 64

    private(set) var budget = ExpiryBudget.off
    /// How many leases are held.
    private(set) var count = 0
    /// In how many namespaces.
    private(set) var namespaces = 0
    /// Since when some are held in any namespace.
    private(set) var since: MonotonicTime?
    /// The latest deadline of what was held since then.
    private(set) var latest = LeaseTime(milliseconds: .min)
    /// By the slot of the namespace's table.
    private var minutes: [Int32: Minute] = [:]
    /// When minutes end, in that order, from `firstEnd` on. One that is not its table's is void. Invariant: empty without
    /// minutes, as is `open`.
    private var ends: [(end: LeaseTime, table: Int32)] = []
    private var firstEnd = 0
    /// Tables with held leases that may go. One without is void.
    private var open: [Int32] = []
    /// Invariant: has the places of all held leases; empty while there are none.
    private var places = DeadlineHeap.Places()
    private(set) var reports = SilenceReports()

    /// Whether anything is kept.
    var isActive: Bool { !minutes.isEmpty }

    @inline(__always)
    func contains(_ slot: Int32) -> Bool { count > 0 && Int(slot) < places.count && places[Int(slot)] >= 0 }

    /// Whether what runs out in a namespace with so many instances is bounded.
    func isBounded(_ table: Int32, count: Int) -> Bool {
        budget.waits
            || minutes[table].map { $0.allowance != .max } ?? (budget.isOn && count >= ExpiryBudget.smallest)
    }

    /// Whether a lease with this deadline, of which nothing is known here, would be held if it had been: some are held
    /// or may go no more, and none that ended then has gone.
    func wouldHold(_ deadline: LeaseTime, in table: Int32) -> Bool {
        guard let minute = minutes[table], minute.allowance != .max else { return false }
        return (!minute.held.isEmpty || !minute.hasRoom) && deadline > minute.latestGone + Self.difference
    }

    /// By how many milliseconds members differ in when a lease ends: the longest time in transit of a heartbeat.
    private static let difference: Int64 = 4_000

    /// Since when leases of a namespace are held.
    func since(_ table: Int32) -> MonotonicTime? { minutes[table]?.since }

    // MARK: - What runs out

    /// Whether a lease that has run out goes at this time: then nil, and it is counted. Else it is held, and goes at the
    /// time that is returned at the latest.
    ///
    /// - Parameter size: the namespace of the table and how many instances it has.
    mutating func judge(
        _ slot: Int32, due deadline: LeaseTime, in table: Int32, _ size: () -> (namespace: Namespace, count: Int),
        until now: LeaseTime, at moment: Moment
    ) -> LeaseTime? {
        let end = deadline + budget.longest
        if minutes[table] == nil {
            let (namespace, count) = size()
            guard budget.waits || count >= ExpiryBudget.smallest else { return nil }
            begin(table, namespace, count, at: now)
        }
        if end <= now || minutes[table].map({ $0.held.isEmpty && $0.hasRoom }) ?? true {
            take(slot, out: table)
            noteGone(deadline, in: table)
            return nil
        }
        guard !contains(slot) else { return end }
        hold(slot, due: deadline, in: table, at: moment)
        return end
    }

    private mutating func begin(_ table: Int32, _ namespace: Namespace, _ count: Int, at now: LeaseTime) {
        let end = now + ExpiryBudget.minute
        minutes[table] = Minute(
            namespace: namespace, instances: count, end: end, allowance: budget.allowance(of: count))
        ends.append((end, table))
    }

    /// Counts one that goes.
    mutating func noteGone(_ deadline: LeaseTime, in table: Int32) {
        minutes[table]?.ranOut += 1
        minutes[table]?.episode?.ranOut += 1
        if let latest = minutes[table]?.latestGone, latest < deadline { minutes[table]?.latestGone = deadline }
    }

    private mutating func hold(_ slot: Int32, due deadline: LeaseTime, in table: Int32, at moment: Moment) {
        if places.count <= Int(slot) {
            places.append(contentsOf: repeatElement(-1, count: Int(slot) + 1 - places.count))
        }
        minutes[table]?.held.insert(slot, due: deadline, &places)
        count += 1
        latest = max(latest, deadline)
        if since == nil { since = moment.monotonic }
        guard minutes[table]?.since == nil else { return }
        namespaces += 1
        minutes[table]?.since = moment.monotonic
        guard let minute = minutes[table], minute.episode == nil else { return }
        minutes[table]?.episode = Episode(start: moment.microseconds, ranOut: minute.ranOut)
        reports.add(
            .began(instances: minute.instances, allowance: minute.allowance, ranOut: minute.ranOut),
            minute.namespace)
    }

    // MARK: - What goes

    /// The table of the next minute whose time has come.
    mutating func popEnd(until now: LeaseTime) -> Int32? {
        while firstEnd < ends.count, ends[firstEnd].end <= now {
            let (end, table) = ends[firstEnd]
            firstEnd += 1
            if minutes[table]?.end == end { return table }
        }
        if firstEnd * 2 >= ends.count { (ends, firstEnd) = (Array(ends[firstEnd...]), 0) }
        return nil
    }

    /// Ends the minute of a table, and begins the next one where leases are held.
    ///
    /// - Parameter count: how many instances the namespace has.
    mutating func end(_ table: Int32, count: Int, until now: LeaseTime, at moment: Moment) {
        guard minutes[table]?.held.isEmpty == false else { return forget(table, at: moment.microseconds) }
        let next = now + ExpiryBudget.minute
        minutes[table]?.instances = count
        minutes[table]?.allowance = budget.allowance(of: count)
        minutes[table]?.ranOut = 0
        minutes[table]?.end = next
        ends.append((next, table))
        open.append(table)
    }

    /// Whether some may go, or minutes are over.
    func hasWork(until now: LeaseTime) -> Bool {
        !open.isEmpty || firstEnd < ends.count && ends[firstEnd].end <= now
    }

    /// Takes out the next held lease that may go. It is not counted yet.
    mutating func popNext() -> (slot: Int32, deadline: LeaseTime, table: Int32)? {
        while let table = open.last {
            if minutes[table]?.hasRoom == true, let first = minutes[table]?.held.popFirst(&places) {
                noteTaken(table)
                return (first.slot, first.deadline, table)
            }
            open.removeLast()
        }
        return nil
    }

    /// Takes out a slot of a table whose lease is not held any more, if it was.
    ///
    /// - Parameter isReturn: whether because its instance is heard again.
    @inline(__always)
    mutating func remove(_ slot: Int32, of table: Int32, isReturn: Bool = false) {
        if contains(slot) {
            take(slot, out: table)
            if isReturn { minutes[table]?.episode?.returned += 1 }
        }
    }

    private mutating func take(_ slot: Int32, out table: Int32) {
        guard contains(slot) else { return }
        minutes[table]?.held.remove(slot, &places)
        noteTaken(table)
    }

    private mutating func noteTaken(_ table: Int32) {
        count -= 1
        if minutes[table]?.held.isEmpty == true {
            minutes[table]?.since = nil
            namespaces -= 1
        }
        guard count == 0 else { return }
        (since, latest, places) = (nil, LeaseTime(milliseconds: .min), [])
    }

    /// Notes how many instances a table has once one has gone, none of which is held any more if that is none, at a time in microseconds since 1970.
    @inline(__always)
    mutating func noteCount(_ count: Int, _ table: Int32, at microseconds: Int64) {
        if isActive, count == 0 { forget(table, at: microseconds) }
    }

    /// Forgets a table, none of whose leases is held, at a time in microseconds since 1970.
    private mutating func forget(_ table: Int32, at microseconds: Int64) {
        guard let minute = minutes.removeValue(forKey: table) else { return }
        // Nothing is left that could find what is void.
        if minutes.isEmpty { (ends, firstEnd, open) = ([], 0, []) }
        guard let episode = minute.episode else { return }
        let milliseconds = microseconds.subtractingSaturated(episode.start) / 1_000
        reports.add(
            .ended(ranOut: episode.ranOut, returned: episode.returned, milliseconds: max(0, milliseconds)),
            minute.namespace)
    }

    // MARK: - Another rule

    /// Goes on by another rule. Takes as long as there are namespaces in which something ran out within a minute.
    mutating func change(to budget: ExpiryBudget) {
        let hasWaited = self.budget.waits && !budget.waits
        self.budget = budget
        for (table, minute) in minutes {
            minutes[table]?.allowance = budget.allowance(of: minute.instances)
            // What was counted while the instances were not known is no measure.
            if hasWaited { minutes[table]?.end = LeaseTime(milliseconds: .min) }
        }
        if hasWaited { (ends, firstEnd) = (minutes.keys.map { (LeaseTime(milliseconds: .min), $0) }, 0) }
        open = minutes.filter { !$0.value.held.isEmpty }.map(\.key)
    }

    mutating func takeReports() -> SilenceReports {
        defer { reports = SilenceReports() }
        return reports
    }
}

extension Silence {
    /// Stops a debug build where what is said of the fields does not hold.
    func checkInvariants() {
        var (held, silent) = (0, 0)
        assert(!minutes.isEmpty || ends.isEmpty && open.isEmpty, "without minutes nothing is to be done")
        for minute in minutes.values {
            minute.held.checkInvariants(places)
            held += minute.held.count
            silent += minute.held.isEmpty ? 0 : 1
            assert(minute.held.isEmpty == (minute.since == nil), "it is known since when leases are held")
        }
        assert(held == count && silent == namespaces, "held leases are counted")
        assert(places.count { $0 >= 0 } == count, "every held lease is in one heap")
        assert((since == nil) == (count == 0), "it is known since when any lease is held")
    }
}
