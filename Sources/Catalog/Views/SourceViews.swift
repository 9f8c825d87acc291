// The views of all sources as one. Each source has its own content, of which nobody else changes anything; readers get
// one value for a namespace, in which the first source that has an id wins. It is made when a source has changed, not
// when a client asks.

/// What a source has: its instances, by namespace and service.
package typealias SourceContent = [Namespace: [Name: [LeasedInstance]]]

/// All instances that a source has of one service.
package struct SourceChange: Sendable {
    package let namespace: Namespace
    package let service: Name
    /// Empty when the service is gone.
    package let instances: [LeasedInstance]

    package init(_ namespace: Namespace, _ service: Name, _ instances: [LeasedInstance]) {
        self.namespace = namespace
        self.service = service
        self.instances = instances
    }
}

/// What all sources have. A value; its owner guards it.
package struct SourceViews: Sendable {
    /// By the sources' rank: on one id the lower wins.
    private var contents: [[Namespace: SourceNamespace]]
    /// Of all sources together. Invariant: none is empty.
    package private(set) var joined: [Namespace: SourceNamespace] = [:]

    package init(sources: Int) {
        contents = Array(repeating: [:], count: sources)
    }

    // MARK: - Look-ups

    /// What one source has in a namespace.
    package func content(of source: Int, in namespace: Namespace) -> SourceNamespace? { contents[source][namespace] }

    /// How many namespaces, services and instances a source has.
    package func size(of source: Int) -> SourceSize {
        contents[source].values.reduce(into: SourceSize(namespaces: contents[source].count)) {
            $0.services += $1.services.count
            $0.instances += $1.count
        }
    }

    // MARK: - Changes

    /// What takes a source from what it has to this content.
    package func changes(of source: Int, to content: SourceContent) -> [SourceChange] {
        var changes: [SourceChange] = []
        for (namespace, view) in contents[source] {
            let wanted = content[namespace] ?? [:]
            for service in view.services where wanted[service.name] == nil {
                changes.append(SourceChange(namespace, service.name, []))
            }
        }
        for (namespace, services) in content {
            for (name, instances) in services { changes.append(SourceChange(namespace, name, instances)) }
        }
        return changes
    }

    /// Replaces services of a source. Of several changes of one service the last counts.
    ///
    /// - Parameter note: notes what readers see of it in a namespace, and gives the index of the change; called once for
    ///   each namespace in which they see anything else.
    /// - Returns: whether readers see anything else than before, if only other times of heartbeats.
    @discardableResult
    package mutating func apply(
        _ changes: [SourceChange], of source: Int, note: (Namespace, [SourceEvent]) -> UInt64
    ) -> Bool {
        var byNamespace: [Namespace: [Name: [LeasedInstance]]] = [:]
        for change in changes { byNamespace[change.namespace, default: [:]][change.service] = change.instances }
        var isChanged = false
        for (namespace, services) in byNamespace {
            isChanged = apply(services, to: namespace, of: source, note: note) || isChanged
        }
        return isChanged
    }

    private mutating func apply(
        _ services: [Name: [LeasedInstance]], to namespace: Namespace, of source: Int,
        note: (Namespace, [SourceEvent]) -> UInt64
    ) -> Bool {
        let own = contents[source][namespace] ?? .empty
        var changes: [(name: Name, service: SourceService?)] = []
        for (name, instances) in services {
            let old = own.service(name)
            let new = instances.isEmpty ? nil : SourceService(name, instances, index: 0)
            if let old, let new, new.saysTheSame(as: old), !new.hasOtherTimes(than: old) { continue }
            if old == nil, new == nil { continue }
            changes.append((name, new))
        }
        guard !changes.isEmpty else { return false }
        contents[source][namespace] = own.replacing(changes, index: 0).nonEmpty
        join(changes.map(\.name), in: namespace, note: note)
        // What one source alone has is kept once: the two differ in the indexes of revisions, which a source's has none of.
        if contents.indices.allSatisfy({ $0 == source || contents[$0][namespace] == nil }) {
            contents[source][namespace] = joined[namespace]
        }
        return true
    }

    /// Makes anew what readers see of some services.
    private mutating func join(
        _ names: [Name], in namespace: Namespace, note: (Namespace, [SourceEvent]) -> UInt64
    ) {
        let old = joined[namespace] ?? .empty
        var events: [SourceEvent] = []
        let made = names.map { name -> (name: Name, service: SourceService?) in
            let parts = contents.compactMap { $0[namespace]?.service(name) }
            let new = parts.count > 1 ? SourceService(name, parts.flatMap(\.instances), index: 0) : parts.first
            events += SourceEvent.between(old.service(name)?.instances ?? [], new?.instances ?? [])
            return (name, new)
        }
        let index = events.isEmpty ? old.revision.index : note(namespace, events)
        let changes = made.map { name, new -> (name: Name, service: SourceService?) in
            guard let new else { return (name, nil) }
            // Only times differ: the revision stays what clients know.
            if let known = old.service(name), known.saysTheSame(as: new) {
                return (name, SourceService(new, index: known.revision.index))
            }
            return (name, SourceService(new, index: index))
        }
        joined[namespace] = old.replacing(changes, index: index).nonEmpty
    }
}

/// How much a source has.
package struct SourceSize: Sendable, Equatable {
    package var namespaces = 0
    package var services = 0
    package var instances = 0

    package init(namespaces: Int = 0, services: Int = 0, instances: Int = 0) {
        self.namespaces = namespaces
        self.services = services
        self.instances = instances
    }
}

extension SourceNamespace {
    fileprivate var nonEmpty: SourceNamespace? { services.isEmpty ? nil : self }
}

extension SourceService {
    /// But for the times of heartbeats.
    fileprivate func saysTheSame(as other: SourceService) -> Bool {
        revision.digest == other.revision.digest && instances.count == other.instances.count
    }

    fileprivate func hasOtherTimes(than other: SourceService) -> Bool {
        zip(instances, other.instances).contains { $0.lastHeartbeat != $1.lastHeartbeat }
    }
}

extension SourceViews {
    /// Stops a debug build where what is said of the fields does not hold.
    package func checkInvariants() {
        for view in contents.flatMap(\.values) + Array(joined.values) { view.checkInvariants() }
        assert(joined.values.allSatisfy { !$0.services.isEmpty }, "no namespace is empty")
        assert(
            Set(joined.keys) == Set(contents.flatMap(\.keys)), "readers see the namespaces that the sources have")
    }
}
