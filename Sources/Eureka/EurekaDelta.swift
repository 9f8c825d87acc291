// What has changed lately, out of the change log: each instance once, in its present state, with the hash code of all
// instances of the namespace. Both are of one state, or the client fetches everything for nothing. What the log has
// forgotten is healed by a hash code that nobody can reckon.

import Catalog
import RegistryCore
import Serving

extension EurekaList {
    /// How far back a delta reaches, in microseconds: six times what clients let pass between two of them.
    private static let window: Int64 = 180_000_000
    /// How many changes are read: as many as a namespace's log has.
    private static let mostChanges = 10_000
    /// How often it is begun anew because something has changed meanwhile.
    private static let attempts = 3
    /// A hash code that differs from every one that a client can reckon.
    static let unmatched = "INCOMPLETE_"

    func delta(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        let since = UInt64(max(0, rendering.instant.wall / 1_000 - Self.window))
        for attempt in 1...Self.attempts {
            var (tally, revision) = rendering.lookup.tally(of: namespace)
            let now = rendering.instant.lease
            for service in rendering.lookup.sharedServices(in: namespace, at: now) {
                guard
                    let hidden = rendering.lookup.hidden(
                        in: service, of: namespace, at: now, atMost: rendering.budget.instancesLeft)
                else { throw .tooLong }
                try rendering.budget.look(at: hidden.lookedAt)
                tally.merge(hidden.statuses.mapValues { -$0 }) { $0 + $1 }
            }
            let page = rendering.lookup.changes(in: namespace, after: since, limit: Self.mostChanges)
            // What sources change is in no log.
            let isWhole =
                !page.isMissing && page.changes.count < Self.mostChanges
                && rendering.lookup.lastIndexOfSources(in: namespace) <= since
            let hashCode = isWhole ? EurekaForm.hashCode(tally) : Self.unmatched
            var found = try changed(page.changes, &rendering)
            guard attempt < Self.attempts, rendering.lookup.revision(of: namespace) != revision else {
                found.liveUntil = .distantFuture
                return found.finished(&rendering, version: revision.index, hashCode: hashCode)
            }
        }
        throw .tooLong
    }

    /// The instances that these changes are about.
    private func changed(_ changes: [Change], _ rendering: inout ListRendering) throws(RenderStop) -> Found {
        try rendering.budget.look(at: changes.count)
        var last: [InstanceID: Change] = [:]
        for change in changes { last[change.id] = change }
        var shown: [(app: Bytes, instance: EurekaInstance)] = []
        for change in last.values {
            let app = Array(change.serviceName.text.utf8)[...].uppercased
            guard let leased = rendering.lookup.instance(change.id, in: namespace, at: rendering.instant.lease)
            else {
                shown.append((app, EurekaInstance(change)))
                continue
            }
            var instance = EurekaInstance(leased)
            switch change.kind {
            case .updated, .refreshed, .overridden, .drained, .overrideRemoved:
                instance[.actionType] = ("MODIFIED" as StaticString).bytes
            case .registered, .returned, .deregistered, .expired: break
            }
            shown.append((instance[.app] ?? app, instance))
        }
        shown.sort { $0.app.lexicographicallyPrecedes($1.app) }
        var found = Found(form)
        for (app, instance) in shown { try rendering.budget.make(found.append(instance, of: app)) }
        return found
    }
}
