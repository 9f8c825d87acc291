// Lists and events go in, services come out; a naive model that keeps nothing but the slices says the same.

import Catalog
import Configuration
import RegistryCore
import TestRandom
import Testing

@testable import KubernetesSource

struct KubernetesViewTests {
    static func view(
        _ namespaces: String = "prod", shared: String? = nil, hasPods: Bool = false
    ) throws -> KubernetesView {
        let selection = try #require(KubernetesNamespaces(namespaces))
        return KubernetesView(
            NamespaceMap(selection, shared: shared.map { Namespace($0) }), tagLimits: .standard, hasPods: hasPods)
    }

    static func target(
        _ address: String, _ status: InstanceStatus = .up, zone: String? = nil, pod: String? = nil
    ) -> EndpointSlice.Target {
        EndpointSlice.Target(address: address, status: status, zone: zone, node: nil, host: nil, pod: pod)
    }

    static func slice(
        _ name: String, of service: String? = "web", in namespace: String = "prod", _ targets: [EndpointSlice.Target],
        ports: [EndpointSlice.Port] = [EndpointSlice.Port(number: 80, kind: .http)]
    ) -> EndpointSlice {
        EndpointSlice(
            key: ObjectKey(namespace: namespace, name: name), service: service, ports: ports,
            targets: targets, unusable: 0)
    }

    /// `namespace/service` with the values and statuses of its instances.
    static func text(_ changes: [SourceChange]) -> [String: [String]] {
        Dictionary(
            uniqueKeysWithValues: changes.map { change in
                (
                    "\(change.namespace.name)/\(change.service.text)",
                    change.instances.map { "\($0.instance.endpoint.value) \($0.instance.status.token)" }
                )
            })
    }

    // K201 A service is the union of its slices.
    @Test func `a service is what all its slices have, each endpoint once, ready before all`() throws {
        let box = Box(try Self.view())
        try box.value.put(Self.slice("a", [Self.target("10.0.0.1"), Self.target("10.0.0.2", .starting)]), at: 1)
        try box.value.put(Self.slice("b", [Self.target("10.0.0.2"), Self.target("10.0.0.3", .outOfService)]), at: 2)
        let expected = ["10.0.0.1:80 UP", "10.0.0.2:80 UP", "10.0.0.3:80 OUT_OF_SERVICE"]
        #expect(Self.text(box.value.takeChanges()) == ["prod/web": expected])
        // It moves from one slice to the other: it is there while one of them has it.
        box.value.remove(ObjectKey(namespace: "prod", name: "a"))
        #expect(
            Self.text(box.value.takeChanges()) == ["prod/web": ["10.0.0.2:80 UP", "10.0.0.3:80 OUT_OF_SERVICE"]])
        box.value.remove(ObjectKey(namespace: "prod", name: "b"))
        box.value.remove(ObjectKey(namespace: "prod", name: "never"))
        #expect(Self.text(box.value.takeChanges()) == ["prod/web": []] && box.value.instanceCount == 0)
    }

    @Test func `an instance has the id of the REST API, no lease, and what is known of it`() throws {
        let box = Box(try Self.view())
        var target = Self.target("10.0.0.1", zone: "eu-1")
        target = EndpointSlice.Target(
            address: "10.0.0.1", status: .up, zone: "eu-1", node: "n\"1", host: "web-0", pod: nil)
        try box.value.put(Self.slice("a", [target]), at: 7)
        let leased = try #require(box.value.takeChanges().first?.instances.first)
        let key = EndpointKey(
            serviceName: Array("web".utf8)[...], kind: .http, value: Array("10.0.0.1:80".utf8)[...])
        #expect(leased.instance.id == key.instanceID && leased.instance.ttl == 0 && leased.lastHeartbeat == 7)
        #expect(leased.instance.tags == ["kubernetes"])
        let metadata = leased.instance.metadata.map { String(decoding: $0, as: UTF8.self) }
        #expect(metadata == #"{"hostname":"web-0","node":"n\"1","zone":"eu-1"}"#)
    }

    @Test func `what is the same changes nothing`() throws {
        let box = Box(try Self.view())
        let slice = Self.slice("a", [Self.target("10.0.0.1")])
        try box.value.put(slice, at: 1)
        _ = box.value.takeChanges()
        try box.value.put(slice, at: 2)
        try box.value.replace(in: "prod", with: [slice.key: PackedSlice(slice)], at: 3)
        #expect(!box.value.hasChanges)
        #expect(box.value.takeAll().values.first?.values.first?.first?.lastHeartbeat == 1)
    }

    @Test func `a list replaces its namespace, and no other`() throws {
        let box = Box(try Self.view("prod,shop"))
        try box.value.put(Self.slice("a", [Self.target("10.0.0.1")]), at: 1)
        try box.value.put(Self.slice("a", in: "shop", [Self.target("10.0.0.2")]), at: 1)
        _ = box.value.takeChanges()
        try box.value.replace(in: "prod", with: [:], at: 2)
        #expect(Self.text(box.value.takeChanges()) == ["prod/web": []])
        try box.value.replace(in: nil, with: [:], at: 3)
        #expect(Self.text(box.value.takeChanges()) == ["shop/web": []] && box.value.takeAll().isEmpty)
    }

    // K202 Namespaces are shown as K8S_NAMESPACES says.
    @Test func `namespaces are shown under their own names, as they are told to, or in one`() throws {
        for (namespaces, shared, expected) in [
            ("prod,shop=tenant-a", nil, ["prod/web", "tenant-a/web"]), ("*", nil, ["prod/web", "shop/web"]),
            ("*,shop=tenant-a", nil, ["prod/web", "tenant-a/web"]), ("prod", nil, ["prod/web"]),
            ("*", "default", ["default/web"]),
        ] as [(String, String?, [String])] {
            let box = Box(try Self.view(namespaces, shared: shared))
            try box.value.put(Self.slice("a", [Self.target("10.0.0.1")]), at: 1)
            try box.value.put(Self.slice("a", in: "shop", [Self.target("10.0.0.2")]), at: 1)
            #expect(Self.text(box.value.takeChanges()).keys.sorted() == expected)
        }
    }

    @Test func `a slice that changes its service leaves the old one`() throws {
        let box = Box(try Self.view())
        try box.value.put(Self.slice("a", [Self.target("10.0.0.1")]), at: 1)
        _ = box.value.takeChanges()
        try box.value.put(Self.slice("a", of: "api", [Self.target("10.0.0.1")]), at: 2)
        #expect(Self.text(box.value.takeChanges()) == ["prod/web": [], "prod/api": ["10.0.0.1:80 UP"]])
        try box.value.put(Self.slice("a", of: nil, [Self.target("10.0.0.1")]), at: 3)
        #expect(Self.text(box.value.takeChanges()) == ["prod/api": []])
    }

    @Test func `more instances than are read change nothing`() throws {
        let box = Box(try Self.view())
        try box.value.put(Self.slice("a", [Self.target("10.0.0.1")]), at: 1)
        let ports = (1...65_535).map { EndpointSlice.Port(number: UInt16($0), kind: .tcp) }
        let huge = Self.slice("b", (0..<16).map { Self.target("10.0.0.\($0)") }, ports: ports)
        #expect(throws: KubernetesView.Refusal.tooMany) { try box.value.put(huge, at: 2) }
        #expect(throws: KubernetesView.Refusal.tooMany) {
            try box.value.replace(in: "prod", with: [huge.key: PackedSlice(huge)], at: 2)
        }
        #expect(Self.text([SourceChange](box.value.takeChanges())) == ["prod/web": ["10.0.0.1:80 UP"]])
    }

    // K205 Labels of pods are tags.
    @Test func `a pod's labels are tags of its instances, in whatever order both come`() throws {
        let box = Box(try Self.view(hasPods: true))
        func pod(_ labels: [(key: String, value: String)]) -> ObjectMetadata {
            var metadata = ObjectMetadata()
            (metadata.namespace, metadata.name, metadata.labels) = ("prod", "p1", labels)
            return metadata
        }
        func tags(_ changes: [SourceChange]) -> [String]? { changes.first?.instances.first?.instance.tags }
        box.value.putPod(pod([("version", "v1"), ("app", "web")]))
        #expect(!box.value.hasChanges)
        try box.value.put(Self.slice("a", [Self.target("10.0.0.1", pod: "p1")]), at: 1)
        #expect(tags(box.value.takeChanges()) == ["app=web", "version=v1", "kubernetes"])
        box.value.putPod(pod([("version", "v2")]))
        #expect(tags(box.value.takeChanges()) == ["version=v2", "kubernetes"])
        box.value.putPod(pod([("version", "v2")]))
        #expect(!box.value.hasChanges)
        box.value.replacePods(in: "prod", with: [:])
        #expect(tags(box.value.takeChanges()) == ["kubernetes"])
        box.value.remove(ObjectKey(namespace: "prod", name: "a"))
        _ = box.value.takeChanges()
        box.value.putPod(pod([("version", "v3")]))
        #expect(!box.value.hasChanges)
    }

    /// Random lists and events; a model that joins all slices at each look says the same.
    @Test(arguments: 0..<20)
    func `whatever comes in whatever order, the view is what the slices add up to`(round: Int) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        let box = Box(try Self.view("*"))
        var model: [ObjectKey: EndpointSlice] = [:]
        var published: [String: [String]] = [:]
        for step in 0..<300 {
            let key = ObjectKey(
                namespace: ["prod", "shop"].randomElement(using: &random) ?? "",
                name: "s\(Int.random(in: 0..<6, using: &random))")
            func randomSlice(_ key: ObjectKey) -> EndpointSlice {
                Self.slice(
                    key.name, of: ["web", "api", nil].randomElement(using: &random) ?? nil, in: key.namespace,
                    (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                        Self.target(
                            "10.0.0.\(Int.random(in: 0..<5, using: &random))",
                            [.up, .starting, .outOfService].randomElement(using: &random) ?? .up)
                    })
            }
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let slice = randomSlice(key)
                try box.value.put(slice, at: Int64(step))
                model[key] = slice
            case 6..<9:
                box.value.remove(key)
                model[key] = nil
            default:
                let scope = [nil, "prod"].randomElement(using: &random) ?? nil
                let list = (0..<3).map { randomSlice(ObjectKey(namespace: scope ?? "shop", name: "s\($0)")) }
                try box.value.replace(
                    in: scope, with: Dictionary(uniqueKeysWithValues: list.map { ($0.key, PackedSlice($0)) }),
                    at: Int64(step))
                model = model.filter { scope != nil && $0.key.namespace != scope }
                for slice in list { model[slice.key] = slice }
            }
            if Bool.random(using: &random) { continue }
            for (service, instances) in Self.text(box.value.takeChanges()) {
                published[service] = instances.isEmpty ? nil : instances
            }
            #expect(published == Self.naive(model), "seed \(seed), step \(step)")
            let all = box.value.takeAll()
            let content = all.flatMap { namespace, services in
                services.map { SourceChange(namespace, $0.key, $0.value) }
            }
            #expect(Self.text(content) == published, "seed \(seed), step \(step)")
            #expect(box.value.instanceCount == model.values.reduce(0) { $0 + $1.instanceCount }, "seed \(seed)")
        }
    }

    private static func naive(_ slices: [ObjectKey: EndpointSlice]) -> [String: [String]] {
        let rank = ["UP", "OUT_OF_SERVICE", "STARTING"]
        var services: [String: [String: String]] = [:]
        for slice in slices.values {
            guard let service = slice.service else { continue }
            for target in slice.targets {
                let name = "\(slice.key.namespace)/\(service)"
                let value = "\(target.address):80"
                let old = services[name]?[value].flatMap { rank.firstIndex(of: $0) } ?? rank.count
                guard let new = rank.firstIndex(of: target.status.token), new < old else { continue }
                services[name, default: [:]][value] = target.status.token
            }
        }
        return services.mapValues { $0.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" } }
    }
}

extension KubernetesView {
    /// As an event has it.
    fileprivate mutating func put(_ slice: EndpointSlice, at wall: Int64) throws(Refusal) {
        try put(slice.key, PackedSlice(slice), at: wall)
    }
}
