// One EndpointSlice (discovery.k8s.io/v1) as far as it says where instances are. Anything in it may be `null`, since the
// server's arrays and pointers are written as they are; what cannot be used is counted, and the rest is used.

import Catalog
import JSON
import Text

/// Names an object of a cluster.
struct ObjectKey: Hashable, Sendable, Comparable {
    let namespace: String
    let name: String

    static func < (one: ObjectKey, other: ObjectKey) -> Bool {
        (one.namespace, one.name) < (other.namespace, other.name)
    }
}

/// A slice of a service's endpoints.
struct EndpointSlice: Sendable, Equatable {
    struct Port: Sendable, Equatable {
        let number: UInt16
        let kind: Endpoint.Kind
    }

    struct Target: Sendable, Equatable {
        /// As it is dialed: an IPv6 address in its shortest form, without brackets.
        let address: String
        let status: InstanceStatus
        let zone: String?
        let node: String?
        let host: String?
        /// The pod behind it, in the slice's namespace.
        let pod: String?
    }

    let key: ObjectKey
    /// The service that it belongs to; nil belongs to none.
    let service: String?
    let ports: [Port]
    let targets: [Target]
    /// Ports and endpoints that say nothing that can be dialed.
    let unusable: Int

    /// How many instances it stands for.
    var instanceCount: Int { ports.count * targets.count }
}

/// What of an object says which it is.
struct ObjectMetadata: Sendable, Equatable {
    var namespace = ""
    var name = ""
    /// Opaque: compared for equality only, and by no one but the server.
    var resourceVersion: String?
    var labels: [(key: String, value: String)] = []
    /// Whether it is a bookmark that ends a list.
    var key: ObjectKey? { name.isEmpty ? nil : ObjectKey(namespace: namespace, name: name) }

    static func == (one: Self, other: Self) -> Bool {
        one.key == other.key && one.resourceVersion == other.resourceVersion
            && one.labels.elementsEqual(other.labels) { $0 == $1 }
    }

    /// Reads the value of `metadata`.
    init(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.enterObjectUnlessNull() else { return }
        while let key = try reader.nextKey() {
            switch key {
            case "namespace": namespace = try reader.readStringOrNull() ?? ""
            case "name": name = try reader.readStringOrNull() ?? ""
            case "resourceVersion": resourceVersion = try reader.readStringOrNull()
            case "labels":
                labels = []
                guard try reader.enterObjectUnlessNull() else { continue }
                while let label = try reader.nextKey() {
                    let name = label.string
                    labels.append((name, try reader.readStringOrNull() ?? ""))
                }
            default: try reader.skipValue()
            }
        }
        if resourceVersion?.isEmpty == true { resourceVersion = nil }
    }

    init() {}

    /// Reads the metadata alone of an object of whatever kind.
    init(ofObject json: [UInt8]) throws(JSONError) {
        var reader = JSONReader(json)
        try reader.enterObject()
        while let key = try reader.nextKey() {
            if key == "metadata" { self = try ObjectMetadata(&reader) } else { try reader.skipValue() }
        }
        try reader.finish()
    }
}

extension EndpointSlice {
    private static let serviceLabel = "kubernetes.io/service-name"

    /// Reads a slice; its metadata comes with it. Nil when it has no name.
    static func read(
        _ json: [UInt8]
    ) throws(JSONError) -> (metadata: ObjectMetadata, slice: EndpointSlice?) {
        var reader = JSONReader(json)
        var metadata = ObjectMetadata()
        var ports: [RawPort] = []
        var endpoints: [RawEndpoint] = []
        var type = ""
        try reader.enterObject()
        while let key = try reader.nextKey() {
            switch key {
            case "metadata": metadata = try ObjectMetadata(&reader)
            case "addressType": type = try reader.readStringOrNull() ?? ""
            case "ports":
                ports = []
                guard try reader.enterArrayUnlessNull() else { continue }
                while try reader.nextElement() { ports.append(try RawPort(&reader)) }
            case "endpoints":
                endpoints = []
                guard try reader.enterArrayUnlessNull() else { continue }
                while try reader.nextElement() { endpoints.append(try RawEndpoint(&reader)) }
            default: try reader.skipValue()
            }
        }
        try reader.finish()
        guard let key = metadata.key else { return (metadata, nil) }
        let usablePorts = ports.compactMap(\.port)
        let targets = endpoints.compactMap { $0.target(of: type) }
        let service = metadata.labels.last { $0.key == serviceLabel }?.value
        return (
            metadata,
            EndpointSlice(
                key: key, service: service.flatMap { $0.isEmpty ? nil : $0 },
                ports: usablePorts, targets: targets,
                unusable: ports.count - usablePorts.count + endpoints.count - targets.count)
        )
    }
}

/// A port as it is written.
private struct RawPort {
    var name = ""
    var number: UInt64?
    var `protocol` = "TCP"
    var application: String?

    init(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.enterObjectUnlessNull() else { return }
        while let key = try reader.nextKey() {
            switch key {
            case "name": name = try reader.readStringOrNull() ?? ""
            case "port": number = try reader.readNaturalOrNull()
            case "protocol": `protocol` = try reader.readStringOrNull() ?? "TCP"
            case "appProtocol": application = try reader.readStringOrNull()
            default: try reader.skipValue()
            }
        }
    }

    /// Nil for any port (no number), and for what has no type here, such as SCTP.
    var port: EndpointSlice.Port? {
        guard let number, let port = UInt16(exactly: number), port > 0 else { return nil }
        switch `protocol` {
        case "TCP": return EndpointSlice.Port(number: port, kind: kind)
        case "UDP": return EndpointSlice.Port(number: port, kind: .udp)
        default: return nil
        }
    }

    /// What is said of the protocol counts more than how the port is called.
    private var kind: Endpoint.Kind {
        switch application ?? name {
        case "http", "kubernetes.io/h2c", "kubernetes.io/ws": .http
        case "https", "kubernetes.io/wss": .https
        default: .tcp
        }
    }
}

/// An endpoint as it is written.
private struct RawEndpoint {
    var address: String?
    var ready: Bool?
    var serving: Bool?
    var terminating: Bool?
    var zone: String?
    var node: String?
    var host: String?
    var pod: String?

    init(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.enterObjectUnlessNull() else { return }
        while let key = try reader.nextKey() {
            switch key {
            case "addresses":
                guard try reader.enterArrayUnlessNull() else { continue }
                // Only the first means anything.
                while try reader.nextElement() {
                    let text = try reader.readStringOrNull()
                    if address == nil { address = text ?? "" }
                }
            case "conditions":
                guard try reader.enterObjectUnlessNull() else { continue }
                while let condition = try reader.nextKey() {
                    switch condition {
                    case "ready": ready = try reader.readBooleanOrNull()
                    case "serving": serving = try reader.readBooleanOrNull()
                    case "terminating": terminating = try reader.readBooleanOrNull()
                    default: try reader.skipValue()
                    }
                }
            case "zone": zone = try reader.readStringOrNull()
            case "nodeName": node = try reader.readStringOrNull()
            case "hostname": host = try reader.readStringOrNull()
            case "targetRef": pod = try Self.podName(&reader)
            default: try reader.skipValue()
            }
        }
    }

    private static func podName(_ reader: inout JSONReader) throws(JSONError) -> String? {
        guard try reader.enterObjectUnlessNull() else { return nil }
        var (kind, name): (String?, String?)
        while let key = try reader.nextKey() {
            switch key {
            case "kind": kind = try reader.readStringOrNull()
            case "name": name = try reader.readStringOrNull()
            default: try reader.skipValue()
            }
        }
        return kind == "Pod" ? name : nil
    }

    /// Nil when its address is none of the slice's type.
    func target(of type: String) -> EndpointSlice.Target? {
        guard let address, let dialed = Self.dialed(address, type) else { return nil }
        return EndpointSlice.Target(address: dialed, status: status, zone: zone, node: node, host: host, pod: pod)
    }

    /// Ready is what a missing condition means; a pod that is going but still serves is not for new requests.
    private var status: InstanceStatus {
        if ready ?? true { return .up }
        return (serving ?? true) && (terminating ?? false) ? .outOfService : .starting
    }

    private static func dialed(_ text: String, _ type: String) -> String? {
        switch type {
        case "IPv4", "IPv6":
            guard let address = IPAddress(text), address.isSix == (type == "IPv6") else { return nil }
            return address.description
        case "FQDN": return isHostName(text) ? text : nil
        default: return nil
        }
    }

    private static func isHostName(_ text: String) -> Bool {
        text.utf8.count <= 253
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy { byte in
                        byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
                    }
            }
    }
}
