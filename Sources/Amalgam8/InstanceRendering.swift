// Instances as JSON. Rendered from a snapshot, outside of every lock, straight into the bytes that are sent.

import Catalog
import HTTP
import JSON
import Telemetry
import Text

/// The fields of an instance that an answer may have (R312).
struct InstanceFields: OptionSet, Sendable {
    let rawValue: UInt16

    static let id = InstanceFields(rawValue: 1 << 0)
    static let serviceName = InstanceFields(rawValue: 1 << 1)
    static let endpoint = InstanceFields(rawValue: 1 << 2)
    static let ttl = InstanceFields(rawValue: 1 << 3)
    static let status = InstanceFields(rawValue: 1 << 4)
    static let metadata = InstanceFields(rawValue: 1 << 5)
    static let lastHeartbeat = InstanceFields(rawValue: 1 << 6)
    static let links = InstanceFields(rawValue: 1 << 7)
    static let tags = InstanceFields(rawValue: 1 << 8)

    /// What always stays.
    static let minimum: InstanceFields = [.id, .endpoint]
    /// The fields of an answer without `fields` (R315).
    static let all: InstanceFields = [.id, .serviceName, .endpoint, .ttl, .status, .metadata, .lastHeartbeat, .tags]

    /// The field of this name.
    init?(name: Substring) {
        switch name {
        case "id": self = .id
        case "service_name": self = .serviceName
        case "endpoint": self = .endpoint
        case "ttl": self = .ttl
        case "status": self = .status
        case "metadata": self = .metadata
        case "last_heartbeat": self = .lastHeartbeat
        case "links": self = .links
        case "tags": self = .tags
        default: return nil
        }
    }

    init(rawValue: UInt16) {
        self.rawValue = rawValue
    }
}

/// Renders instances with a choice of fields.
struct InstanceRendering {
    /// Sub-second digits of `last_heartbeat`.
    private static let timeDigits = 9
    /// About what an instance takes, for sizing a buffer once.
    private static let typicalBytes = 256

    let fields: InstanceFields
    /// Present when `fields` has `.links`.
    let links: InstanceLinks?
    private var timestamps = TimestampFormatter()

    init(fields: InstanceFields, links: InstanceLinks?) {
        self.fields = fields
        self.links = links
    }

    /// A TTL in milliseconds as whole seconds; a part of a second counts as one, so that no client renews too late.
    static func seconds(_ milliseconds: Int64) -> Int64 { (milliseconds + 999) / 1_000 }

    /// Appends an array of instances.
    mutating func append(_ instances: [LeasedInstance], to body: inout [UInt8]) {
        body.reserveCapacity(body.count + instances.count * Self.typicalBytes)
        body.append(UInt8(ascii: "["))
        for (index, instance) in instances.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            append(instance, to: &body)
        }
        body.append(UInt8(ascii: "]"))
    }

    /// Appends one instance as an object.
    mutating func append(_ leased: LeasedInstance, to body: inout [UInt8]) {
        body.append(addingCapacity: Self.greatestSize(of: leased.instance)) { output in
            append(leased, &output)
            if links == nil { output.append(UInt8(ascii: "}")) }
        }
        guard let links else { return }
        body.append(literal: ",")
        links.append(leased.instance.id, to: &body)
        body.append(literal: "}")
    }

    /// Bytes of an instance's keys, punctuation, numbers and times, and some more.
    private static let frameSize = 600

    /// Bytes that an instance takes at most, links aside: every text may have to be escaped as a whole.
    private static func greatestSize(of instance: Instance) -> Int {
        let escaped = OutputSpan<UInt8>.longestEscape
        guard case .text(let id) = instance.id else { return frameSize + instance.packedSize * escaped }
        return frameSize + (instance.packedSize + id.text.utf8.count) * escaped
    }

    /// Appends all but the links and the closing brace.
    private mutating func append(_ leased: LeasedInstance, _ output: inout OutputSpan<UInt8>) {
        let instance = leased.instance
        output.append(literal: "{\"id\":")
        output.append(instance.id)
        if fields.contains(.serviceName) {
            output.append(literal: ",\"service_name\":")
            output.appendJSON(string: instance.serviceNameUTF8)
        }
        output.append(literal: ",\"endpoint\":{\"type\":\"")
        output.append(literal: instance.endpointKind.literal)
        output.append(literal: "\",\"value\":")
        output.appendJSON(string: instance.endpointValueUTF8)
        output.append(literal: "}")
        if fields.contains(.ttl) {
            output.append(literal: ",\"ttl\":")
            output.appendJSON(natural: Self.seconds(instance.ttl))
        }
        if fields.contains(.status) {
            output.append(literal: ",\"status\":")
            output.appendJSON(string: instance.status.token)
            if let registered = leased.registeredStatus {
                output.append(literal: ",\"registered_status\":")
                output.appendJSON(string: registered.token)
            }
            if let end = leased.drainEnd {
                output.append(literal: ",\"drain_until\":\"")
                timestamps.append(nanoseconds: end, digits: Self.timeDigits, to: &output)
                output.append(literal: "\"")
            }
            if leased.hasServiceOverride { output.append(literal: ",\"service_override\":true") }
        }
        if fields.contains(.lastHeartbeat) {
            output.append(literal: ",\"last_heartbeat\":\"")
            timestamps.append(nanoseconds: leased.lastHeartbeat, digits: Self.timeDigits, to: &output)
            output.append(literal: "\"")
        }
        if fields.contains(.metadata), let metadata = instance.metadataUTF8 {
            output.append(literal: ",\"metadata\":")
            output.append(raw: metadata)
        }
        if fields.contains(.tags), instance.tagCount > 0 {
            var isFirst = true
            instance.forEachTag { tag in
                if isFirst { output.append(literal: ",\"tags\":[") } else { output.append(UInt8(ascii: ",")) }
                output.appendJSON(string: tag)
                isFirst = false
            }
            output.append(literal: "]")
        }
        if leased.isOverdue { output.append(literal: ",\"overdue\":true") }
    }
}

extension Endpoint.Kind {
    /// The kind as it is written, for copying.
    fileprivate var literal: StaticString {
        switch self {
        case .tcp: "tcp"
        case .udp: "udp"
        case .http: "http"
        case .https: "https"
        case .user: "user"
        }
    }
}

extension OutputSpan<UInt8> {
    /// Appends an id as a JSON string.
    mutating func append(_ id: InstanceID) {
        guard case .digest(let digest) = id else { return appendJSON(string: id.description) }
        append(UInt8(ascii: "\""))
        append(hexadecimal: digest)
        append(UInt8(ascii: "\""))
    }
}
