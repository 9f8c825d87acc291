// Leases that would have run out, had silence counted (`ExpiryBounds`). They may be a million, and may be held for
// minutes, so they are neither looked at again and again nor searched for: the wheel gives each up when its time has
// come, and takes it back when the bounds have moved.

/// The slots of held leases. A pure value; its owner guards it.
struct HeldLeases: Sendable {
    /// Of those for which the bounds have not moved since.
    private var held = SlotSet()
    /// Of those for which they have: to be given back to the wheel.
    private var released = SlotSet()
    private var isReleasing = false

    var count: Int { held.count + released.count }

    mutating func insert(_ slot: Int32) { held.insert(slot) }

    @inline(__always)
    mutating func remove(_ slot: Int32) {
        held.remove(slot)
        released.remove(slot)
    }

    /// The bounds have moved: all have to be examined again.
    mutating func release() { isReleasing = true }

    /// Whether some have to be examined again.
    var hasReleased: Bool { !released.isEmpty || isReleasing && !held.isEmpty }

    func contains(_ slot: Int32) -> Bool { held.contains(slot) || released.contains(slot) }

    /// Stops a debug build where what is said of the fields does not hold.
    func checkInvariants() {
        held.checkInvariants()
        released.checkInvariants()
    }

    /// The next one that has to be examined again.
    mutating func popReleased() -> Int32? {
        if isReleasing, released.isEmpty {
            swap(&held, &released)
            isReleasing = false
        }
        return released.popNext()
    }
}

extension Catalog {
    /// Takes over how far silence counts from now on.
    mutating func setBounds(_ bounds: ExpiryBounds) {
        guard bounds != records.bounds else { return }
        if bounds.elsewhere != records.bounds.elsewhere || bounds.restart != records.bounds.restart {
            records.held.release()
        }
        if bounds.budget != records.bounds.budget { records.silence.change(to: bounds.budget) }
        records.bounds = bounds
    }

    /// Gives held leases back to the wheel for which the bounds have moved, at most `budget` of them; returns how many.
    mutating func rejudgeHeld(budget: Int, at moment: Moment) -> Int {
        var count = 0
        while count < budget, let slot = records.held.popReleased() {
            count += 1
            let deadline = records.deadline(slot)
            if deadline > moment.lease { records.setOverdue(slot, false, at: moment) }
            wheel.schedule(slot, due: deadline)
        }
        return count
    }
}

extension Records {
    /// Keeps an instance whose lease would have run out.
    mutating func hold(_ slot: Int32, at moment: Moment) {
        silence.remove(slot, of: slots[slot].place.table)
        held.insert(slot)
        setOverdue(slot, true, at: moment)
    }
}
