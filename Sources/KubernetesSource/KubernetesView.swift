// What Kubernetes has, as far as it was read: slices by name, and the services that they add up to. Pure: lists and events
// go in, changed services come out. A service's instances are made anew from its slices when one of them changes, because
// an endpoint may lie in two slices for a while, and is gone only when no slice has it.

import Catalog
import JSON
import RegistryCore
import Text

/// The slices of a cluster, or of some of its namespaces, and the labels of their pods.
struct KubernetesView {
    /// A service as it is shown.
    struct Service: Hashable {
        let namespace: Namespace
        let name: String
    }

    /// Instances that are shown at most, of all services.
    static let instanceLimit = SourceBoard.instanceLimit

    private struct Entry {
        let slice: PackedSlice
        /// When it was first read so, in nanoseconds since 1970.
        let since: Int64
    }

    private let namespaces: NamespaceMap
    private let tagLimits: TagLimits
    private let hasPods: Bool
    private var slices: [ObjectKey: Entry] = [:]
    /// Invariant: the keys of all slices of a service that is shown, and of no other.
    private var services: [Service: ObjectKeys] = [:]
    /// The labels of pods as tags, sorted.
    private var pods: [ObjectKey: [String]] = [:]
    /// The services that have a pod, which change with its labels. Empty without pods.
    private var servicesOfPod: [ObjectKey: Set<Service>] = [:]
    private var podsOfService: [Service: Set<ObjectKey>] = [:]
    /// Invariant: the sum of the slices' `instanceCount`: not less than what is shown.
    private(set) var instanceCount = 0
    /// Invariant: the sum of the slices' `unusable`.
    private(set) var unusableCount = 0
    private var changed: Set<Service> = []

    init(_ namespaces: NamespaceMap, tagLimits: TagLimits, hasPods: Bool) {
        self.namespaces = namespaces
        self.tagLimits = tagLimits
        self.hasPods = hasPods
    }

    // MARK: - What was read

    /// Why an object was not taken.
    enum Refusal: Error { case tooMany }

    /// A slice was added or modified: both mean that it is so now, whatever was known of it.
    mutating func put(_ key: ObjectKey, _ slice: PackedSlice, at wall: Int64) throws(Refusal) {
        let counts = slice.counts
        let old = slices[key]?.slice
        guard old != slice else { return }
        guard instanceCount - (old?.counts.instances ?? 0) + counts.instances <= Self.instanceLimit else {
            throw .tooMany
        }
        if old != nil { remove(key) }
        slices[key] = Entry(slice: slice, since: wall)
        instanceCount += counts.instances
        unusableCount += counts.unusable
        guard let service = shown(key, slice) else { return }
        services[service, default: .none].insert(key)
        changed.insert(service)
    }

    /// It need not be known.
    mutating func remove(_ key: ObjectKey) {
        guard let old = slices.removeValue(forKey: key) else { return }
        let counts = old.slice.counts
        instanceCount -= counts.instances
        unusableCount -= counts.unusable
        guard let service = shown(key, old.slice) else { return }
        services[service]?.remove(key)
        if services[service] == ObjectKeys.none { services[service] = nil }
        changed.insert(service)
    }

    /// A list was read to its end: it is all that there is in its namespace; of all namespaces if that is nil.
    mutating func replace(
        in namespace: String?, with list: [ObjectKey: PackedSlice], at wall: Int64
    ) throws(Refusal) {
        let gone = slices.keys.filter { (namespace == nil || $0.namespace == namespace) && list[$0] == nil }
        let before = gone.reduce(0) { $0 + (slices[$1]?.slice.counts.instances ?? 0) }
        let after = list.reduce(instanceCount - before) {
            $0 + $1.value.counts.instances - (slices[$1.key]?.slice.counts.instances ?? 0)
        }
        guard after <= Self.instanceLimit else { throw .tooMany }
        for key in gone { remove(key) }
        // In whatever order, the sum may pass the limit on its way.
        for (key, slice) in list where slices[key].map({ $0.slice != slice }) ?? true { remove(key) }
        for (key, slice) in list { try put(key, slice, at: wall) }
    }

    mutating func putPod(_ metadata: ObjectMetadata) {
        guard hasPods, let key = metadata.key else { return }
        let tags = metadata.labels.map { "\($0.key)=\($0.value)" }.sorted()
        guard pods.updateValue(tags, forKey: key) != tags else { return }
        changed.formUnion(servicesOfPod[key] ?? [])
    }

    mutating func removePod(_ key: ObjectKey) {
        guard pods.removeValue(forKey: key) != nil else { return }
        changed.formUnion(servicesOfPod[key] ?? [])
    }

    mutating func replacePods(in namespace: String?, with list: [ObjectKey: ObjectMetadata]) {
        for key in pods.keys where (namespace == nil || key.namespace == namespace) && list[key] == nil {
            removePod(key)
        }
        for metadata in list.values { putPod(metadata) }
    }

    // MARK: - What follows from it

    var hasChanges: Bool { !changed.isEmpty }

    /// The services that have changed since, each with all that it has now.
    mutating func takeChanges() -> [SourceChange] {
        defer { changed = [] }
        return changed.map { service in
            SourceChange(service.namespace, Name(service.name), instances(of: service))
        }
    }

    /// All that there is.
    mutating func takeAll() -> SourceContent {
        changed = []
        var content: SourceContent = [:]
        for service in Array(services.keys) {
            let instances = instances(of: service)
            if !instances.isEmpty { content[service.namespace, default: [:]][Name(service.name)] = instances }
        }
        return content
    }

    /// Nil when the slice belongs to no service, or is not shown.
    private func shown(_ key: ObjectKey, _ slice: PackedSlice) -> Service? {
        guard let name = slice.service, (1...EndpointKey.longestServiceName).contains(name.utf8.count),
            let namespace = namespaces.ours(key.namespace)
        else { return nil }
        return Service(namespace: namespace, name: name)
    }

    /// One for each port of each address, in the order of their endpoints.
    private mutating func instances(of service: Service) -> [LeasedInstance] {
        struct Dialed: Hashable, Comparable {
            let value: String
            let isUDP: Bool
            static func < (one: Self, other: Self) -> Bool {
                (one.value, one.isUDP ? 1 : 0) < (other.value, other.isUDP ? 1 : 0)
            }
        }
        struct Candidate {
            /// The namespace of its slice, and since when the slice is so.
            let namespace: String
            let since: Int64
            let kind: Endpoint.Kind
            let target: EndpointSlice.Target
        }
        var found: [Dialed: Candidate] = [:]
        var mentioned: Set<ObjectKey> = []
        // In one order, so that all members choose alike.
        for key in (services[service] ?? .none).sorted {
            guard let entry = slices[key] else { continue }
            let (ports, targets) = entry.slice.contents
            for target in targets {
                if hasPods, let pod = target.pod {
                    mentioned.insert(ObjectKey(namespace: key.namespace, name: pod))
                }
                let host = target.address.contains(":") ? "[\(target.address)]" : target.address
                for port in ports {
                    let value = "\(host):\(port.number)"
                    guard value.utf8.count <= EndpointKey.longestValue else { continue }
                    let dialed = Dialed(value: value, isUDP: port.kind == .udp)
                    if let other = found[dialed], Self.rank(other.target.status) <= Self.rank(target.status) {
                        continue
                    }
                    found[dialed] = Candidate(
                        namespace: key.namespace, since: entry.since, kind: port.kind, target: target)
                }
            }
        }
        if hasPods { note(mentioned, of: service) }
        return found.sorted { $0.key < $1.key }.map { dialed, candidate in
            let pod = candidate.target.pod.flatMap { name in
                pods[ObjectKey(namespace: candidate.namespace, name: name)]
            }
            return Self.instance(
                of: service, Endpoint(kind: candidate.kind, value: dialed.value), candidate.target,
                tags: tags(pod ?? []), since: candidate.since)
        }
    }

    /// Which of two that are dialed alike is shown: the lower one.
    private static func rank(_ status: InstanceStatus) -> Int {
        switch status {
        case .up: 0
        case .outOfService: 1
        default: 2
        }
    }

    private mutating func note(_ mentioned: Set<ObjectKey>, of service: Service) {
        let before = podsOfService[service] ?? []
        guard before != mentioned else { return }
        for pod in before.subtracting(mentioned) {
            servicesOfPod[pod]?.remove(service)
            if servicesOfPod[pod]?.isEmpty == true { servicesOfPod[pod] = nil }
        }
        for pod in mentioned.subtracting(before) { servicesOfPod[pod, default: []].insert(service) }
        podsOfService[service] = mentioned.isEmpty ? nil : mentioned
    }

    /// As many labels as tags may be, and the source's own.
    private func tags(_ labels: [String]) -> [String] {
        let own = SourceKind.kubernetes.tag
        var tags: [String] = []
        var bytes = own.utf8.count
        for label in labels where label != own {
            guard tags.count + 1 < tagLimits.count, bytes + label.utf8.count <= tagLimits.bytes else { break }
            tags.append(label)
            bytes += label.utf8.count
        }
        return tags + [own]
    }

    private static func instance(
        of service: Service, _ endpoint: Endpoint, _ target: EndpointSlice.Target, tags: [String], since: Int64
    ) -> LeasedInstance {
        let name = Name(service.name)
        let key = EndpointKey(
            serviceName: Array(service.name.utf8)[...], kind: endpoint.kind, value: Array(endpoint.value.utf8)[...])
        let instance = Instance(
            id: key.instanceID, serviceName: name, endpoint: endpoint, status: target.status, ttl: 0, tags: tags,
            metadata: metadata(of: target), registered: 0)
        return LeasedInstance(instance: instance, lastHeartbeat: since)
    }

    /// Where it runs, as an object of JSON; nil when nothing is said, or too much.
    private static func metadata(of target: EndpointSlice.Target) -> [UInt8]? {
        var json: [UInt8] = []
        for (key, value) in [("hostname", target.host), ("node", target.node), ("zone", target.zone)] {
            guard let value, !value.isEmpty else { continue }
            json.append(json.isEmpty ? UInt8(ascii: "{") : UInt8(ascii: ","))
            json.appendJSON(string: key)
            json.append(UInt8(ascii: ":"))
            json.appendJSON(string: value)
        }
        guard !json.isEmpty, json.count < Instance.metadataLimit else { return nil }
        json.append(UInt8(ascii: "}"))
        return json
    }
}

/// Keys of slices. Most services have one, for which a set would be larger than the slice.
private enum ObjectKeys: Equatable {
    case none
    case one(ObjectKey)
    /// Invariant: two at least.
    case some(Set<ObjectKey>)

    /// - Precondition: it is not there.
    mutating func insert(_ key: ObjectKey) {
        switch self {
        case .none: self = .one(key)
        case .one(let other): self = .some([other, key])
        case .some(var keys):
            // So that it is not copied.
            self = .none
            keys.insert(key)
            self = .some(keys)
        }
    }

    mutating func remove(_ key: ObjectKey) {
        switch self {
        case .none: break
        case .one(let other): if other == key { self = .none }
        case .some(var keys):
            self = .none
            keys.remove(key)
            self = keys.count == 1 ? keys.first.map(Self.one) ?? .none : .some(keys)
        }
    }

    var sorted: [ObjectKey] {
        switch self {
        case .none: []
        case .one(let key): [key]
        case .some(let keys): keys.sorted()
        }
    }
}
