// An instance as Consul's clients read it. Every key that one of them looks up is there, and every value has the type
// that a Go client decodes: one of another type costs it the whole answer. Nothing in it changes with a heartbeat.

import Catalog
import JSON
import RegistryCore
import Serving

/// Writes instances for one kind of list. An instance without an address is left out.
struct ConsulWriter: InstanceWriter {
    enum Form: Sendable {
        /// `/v1/catalog/service/`.
        case catalog
        /// `/v1/health/service/`.
        case health
        /// `/v1/health/checks/` and `/v1/health/state/`.
        case check
    }

    let form: Form
    /// As a JSON string.
    let datacenter: [UInt8]

    init(_ form: Form, datacenter: String) {
        self.form = form
        var json: [UInt8] = []
        json.appendJSON(string: datacenter)
        self.datacenter = json
    }

    mutating func append(_ leased: LeasedInstance, to body: inout [UInt8]) {
        guard let shown = Shown(leased.instance) else { return }
        switch form {
        case .catalog: appendCatalog(shown, to: &body)
        case .health: appendHealth(shown, to: &body)
        case .check: appendCheck(shown, to: &body)
        }
    }

    // MARK: - The three forms

    private func appendCatalog(_ shown: Shown, to body: inout [UInt8]) {
        body.append(literal: "{\"ID\":\"\",\"Node\":")
        body += shown.host
        body.append(literal: ",\"Address\":")
        body += shown.host
        body.append(literal: ",\"Datacenter\":")
        body += datacenter
        body.append(literal: ",\"TaggedAddresses\":null,\"NodeMeta\":{},\"ServiceID\":")
        body += shown.id
        body.append(literal: ",\"ServiceName\":")
        body += shown.name
        body.append(literal: ",\"ServiceTags\":")
        body += shown.tags
        body.append(literal: ",\"ServiceAddress\":")
        body += shown.host
        body.append(literal: ",\"ServicePort\":")
        body.appendJSON(Int(shown.address.port))
        body.append(literal: ",\"ServiceMeta\":")
        appendMeta(shown, to: &body)
        body.append(literal: ",\"ServiceWeights\":")
        appendWeights(shown, to: &body)
        body.append(literal: ",\"ServiceEnableTagOverride\":false")
        appendIndexes(shown, to: &body)
        body.append(literal: "}")
    }

    private func appendHealth(_ shown: Shown, to body: inout [UInt8]) {
        body.append(literal: "{\"Node\":{\"ID\":\"\",\"Node\":")
        body += shown.host
        body.append(literal: ",\"Address\":")
        body += shown.host
        body.append(literal: ",\"Datacenter\":")
        body += datacenter
        body.append(literal: ",\"TaggedAddresses\":null,\"Meta\":{}")
        appendIndexes(shown, to: &body)
        body.append(literal: "},\"Service\":{\"ID\":")
        body += shown.id
        body.append(literal: ",\"Service\":")
        body += shown.name
        body.append(literal: ",\"Tags\":")
        body += shown.tags
        body.append(literal: ",\"Address\":")
        body += shown.host
        body.append(literal: ",\"Meta\":")
        appendMeta(shown, to: &body)
        body.append(literal: ",\"Port\":")
        body.appendJSON(Int(shown.address.port))
        body.append(literal: ",\"Weights\":")
        appendWeights(shown, to: &body)
        body.append(literal: ",\"EnableTagOverride\":false")
        appendIndexes(shown, to: &body)
        body.append(literal: "},\"Checks\":[")
        appendCheck(shown, to: &body)
        body.append(literal: "]}")
    }

    /// `Output` tells host and port, since there are clients that look for changes in checks alone.
    private func appendCheck(_ shown: Shown, to body: inout [UInt8]) {
        body.append(literal: "{\"Node\":")
        body += shown.host
        body.append(literal: ",\"CheckID\":")
        body.appendJSON(string: Array("service:".utf8) + shown.instance.id.utf8)
        body.append(literal: ",\"Name\":\"lease\",\"Status\":")
        body.append(literal: shown.instance.isPassing ? "\"passing\"" : "\"critical\"")
        body.append(literal: ",\"Notes\":\"\",\"Output\":")
        body.appendJSON(string: shown.address.description)
        body.append(literal: ",\"ServiceID\":")
        body += shown.id
        body.append(literal: ",\"ServiceName\":")
        body += shown.name
        body.append(literal: ",\"ServiceTags\":")
        body += shown.tags
        body.append(literal: ",\"Type\":\"ttl\",\"Definition\":{}")
        appendIndexes(shown, to: &body)
        body.append(literal: "}")
    }

    // MARK: - Parts

    private static let ownKeys = (type: Array("a8_type".utf8), status: Array("a8_status".utf8))

    /// Text for every key.
    private func appendMeta(_ shown: Shown, to body: inout [UInt8]) {
        body.append(literal: "{\"a8_type\":")
        body.appendJSON(string: shown.instance.endpointKind.rawValue)
        body.append(literal: ",\"a8_status\":")
        body.appendJSON(string: shown.instance.status.token)
        for (key, value) in shown.metadata.pairs where key != Self.ownKeys.type && key != Self.ownKeys.status {
            body.append(literal: ",")
            body.appendJSON(string: key)
            body.append(literal: ":")
            body.appendJSON(string: value)
        }
        body.append(literal: "}")
    }

    private func appendWeights(_ shown: Shown, to body: inout [UInt8]) {
        body.append(literal: "{\"Passing\":")
        body.appendJSON(Int(shown.metadata.weight))
        body.append(literal: ",\"Warning\":")
        body.appendJSON(Int(shown.metadata.weight))
        body.append(literal: "}")
    }

    private func appendIndexes(_ shown: Shown, to body: inout [UInt8]) {
        body.append(literal: ",\"CreateIndex\":")
        body.appendJSON(shown.registered)
        body.append(literal: ",\"ModifyIndex\":")
        body.appendJSON(shown.modified)
    }
}

/// What of an instance is written more than once.
private struct Shown {
    let instance: Instance
    let address: InstanceAddress
    let metadata: InstanceMetadata
    /// As JSON.
    let host: [UInt8]
    let id: [UInt8]
    let name: [UInt8]
    let tags: [UInt8]
    /// In microseconds since 1970, as indexes are.
    let registered: UInt64
    let modified: UInt64

    /// Nil when it has no address.
    init?(_ instance: Instance) {
        guard let address = InstanceAddress(instance) else { return nil }
        self.instance = instance
        self.address = address
        metadata = InstanceMetadata(instance)
        host = Self.json(Array(address.hostText.utf8)[...])
        id = Self.json(instance.id.utf8[...])
        name = Self.json(instance.serviceNameUTF8)
        var tags = [UInt8(ascii: "[")]
        instance.forEachTag { tag in
            if tags.count > 1 { tags.append(UInt8(ascii: ",")) }
            tags.appendJSON(string: tag)
        }
        tags.append(UInt8(ascii: "]"))
        self.tags = tags
        registered = UInt64(max(1, instance.registered / 1_000))
        modified = max(registered, instance.override.map { UInt64(max(1, $0.version.time.microseconds)) } ?? 1)
    }

    private static func json(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var json: [UInt8] = []
        json.appendJSON(string: text)
        return json
    }
}

extension Instance {
    /// Whether clients should send it requests. There is no `warning`: some of them route to that as well.
    var isPassing: Bool { status == .up }
}
