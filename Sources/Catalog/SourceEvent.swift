// What happened to an instance of a source, as a look-up would show it: found by comparing what readers saw of a service
// with what they see now.

/// One change of one instance.
package struct SourceEvent: Sendable {
    let kind: Change.Kind
    /// As it is after the change, or was before it went.
    let instance: Instance
    /// Nil where it was not there.
    let before: InstanceStatus?
    /// Nil where it is no more.
    let after: InstanceStatus?

    /// What leads from one list of a service's instances to another; both are sorted by id.
    static func between(_ old: [LeasedInstance], _ new: [LeasedInstance]) -> [SourceEvent] {
        var events: [SourceEvent] = []
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            let before = left < old.count ? old[left].instance : nil
            let after = right < new.count ? new[right].instance : nil
            if let before, let after, before.id == after.id {
                if before.contentHash != after.contentHash {
                    events.append(
                        SourceEvent(kind: .updated, instance: after, before: before.status, after: after.status))
                }
                (left, right) = (left + 1, right + 1)
            } else if let before, after.map({ before.id < $0.id }) ?? true {
                events.append(SourceEvent(kind: .deregistered, instance: before, before: before.status, after: nil))
                left += 1
            } else if let after {
                events.append(SourceEvent(kind: .registered, instance: after, before: nil, after: after.status))
                right += 1
            }
        }
        return events
    }
}
