// Instances as Prometheus finds what to scrape (docs/prometheus.md): groups of targets with labels, which its HTTP
// service discovery reads. Prometheus refuses a whole answer for one label that is no text or has another name than it
// takes, so what clients have put into metadata is made to fit.

import Catalog
import HTTP
import JSON
import RegistryCore
import Serving
import Text

extension Format {
    // The numbers of formats are a process's.
    static let targets = Format(number: 9, contentType: .json, separator: ",") { TargetWriter(of: $0) }
}

/// Writes instances as groups of one target.
struct TargetWriter: InstanceWriter {
    /// Digits, letters and `_`: what names of labels consist of.
    private static let nameBytes = ByteSet(low: 0x03FF_0000_0000_0000, high: 0x07FF_FFFE_87FF_FFFE)

    /// The metadata that says where a target's metrics are.
    private static let pathKey = "prometheus_path"

    private let namespace: [UInt8]

    init(of namespace: Namespace) { self.namespace = Array(namespace.name.utf8) }

    /// Appends a group; nothing for what has no address or is reached by UDP, which nobody scrapes.
    mutating func append(_ leased: LeasedInstance, to body: inout [UInt8]) {
        let instance = leased.instance
        guard instance.endpointKind != .udp, let address = InstanceAddress(instance) else { return }
        body.append(literal: "{\"targets\":[\"")
        body += address.description.utf8
        body.append(literal: "\"],\"labels\":{\"__meta_a8_service\":")
        body.appendJSON(string: instance.serviceNameUTF8)
        body.append(literal: ",\"__meta_a8_id\":")
        body.appendJSON(string: instance.id.description)
        body.append(literal: ",\"__meta_a8_namespace\":")
        body.appendJSON(string: namespace)
        body.append(literal: ",\"__meta_a8_status\":")
        body.appendJSON(string: instance.status.token)
        body.append(literal: ",\"__meta_a8_endpoint_type\":\"")
        body += instance.endpointKind.rawValue.utf8
        body.append(literal: "\",\"__meta_a8_tags\":")
        body.appendJSON(string: Self.joinedTags(of: instance))
        if address.isHTTPS { body.append(literal: ",\"__scheme__\":\"https\"") }
        append(InstanceMetadata(instance), to: &body)
        body.append(literal: "}}")
    }

    private func append(_ metadata: InstanceMetadata, to body: inout [UInt8]) {
        if let path = metadata.value(Self.pathKey), path.first == UInt8(ascii: "/") {
            body.append(literal: ",\"__metrics_path__\":")
            body.appendJSON(string: path)
        }
        var names: Set<[UInt8]> = []
        for (key, value) in metadata.pairs {
            let name = key.map { Self.nameBytes.contains($0) ? $0 : UInt8(ascii: "_") }
            guard names.insert(name).inserted else { continue }
            body.append(literal: ",\"__meta_a8_metadata_")
            body += name
            body.append(literal: "\":")
            body.appendJSON(string: value)
        }
    }

    /// `,a,b,`, so that a regular expression finds a tag as `,a,` wherever it stands; `,` where there is none.
    private static func joinedTags(of instance: Instance) -> [UInt8] {
        var tags = [UInt8(ascii: ",")]
        instance.forEachTag { tag in
            tags += tag
            tags.append(UInt8(ascii: ","))
        }
        return tags
    }
}
