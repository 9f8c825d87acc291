// How many instances of a namespace have each status, kept up with each change: Eureka's clients compare it with what
// they hold, every few seconds, and nobody counts a hundred thousand instances for that.

/// Instances by status. A pure value; its owner guards it.
struct StatusTally: Equatable, Sendable {
    private var up = 0
    /// Invariant: no status at 0, and `up` not among them.
    private var others: [InstanceStatus: Int] = [:]

    mutating func add(_ status: InstanceStatus, _ difference: Int) {
        if status == .up {
            up += difference
        } else {
            let count = others[status, default: 0] + difference
            others[status] = count == 0 ? nil : count
        }
    }

    var counts: [InstanceStatus: Int] {
        var counts = others
        if up > 0 { counts[.up] = up }
        return counts
    }
}
