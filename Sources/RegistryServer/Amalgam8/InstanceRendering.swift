// Instances as JSON. Rendered from a snapshot, outside of every lock, straight into the bytes that are sent.

import Catalog
import HTTP
import JSON
import Telemetry

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
    /// What an answer has when nobody chose (R315).
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
        let instance = leased.instance
        body.append(literal: "{\"id\":\"")
        body.append(contentsOf: instance.id)
        if fields.contains(.serviceName) {
            body.append(literal: "\",\"service_name\":")
            body.appendJSON(utf8: instance.serviceNameUTF8)
            body.append(literal: ",\"endpoint\":{\"type\":\"")
        } else {
            body.append(literal: "\",\"endpoint\":{\"type\":\"")
        }
        body.append(literal: instance.endpointKind.literal)
        body.append(literal: "\",\"value\":")
        body.appendJSON(utf8: instance.endpointValueUTF8)
        body.append(literal: "}")
        if fields.contains(.ttl) {
            body.append(literal: ",\"ttl\":")
            body.appendJSON(Self.seconds(instance.ttl))
        }
        if fields.contains(.status) {
            body.append(literal: ",\"status\":")
            body.appendJSON(string: instance.status.token)
        }
        if fields.contains(.lastHeartbeat) {
            body.append(literal: ",\"last_heartbeat\":\"")
            timestamps.append(nanoseconds: leased.lastHeartbeat, digits: Self.timeDigits, to: &body)
            body.append(literal: "\"")
        }
        if fields.contains(.metadata), let metadata = instance.metadataUTF8 {
            body.append(literal: ",\"metadata\":")
            body.append(contentsOf: metadata)
        }
        if fields.contains(.tags), instance.tagCount > 0 {
            var separator: StaticString = ",\"tags\":["
            instance.forEachTag { tag in
                body.append(literal: separator)
                body.appendJSON(utf8: tag)
                separator = ","
            }
            body.append(literal: "]")
        }
        if let links {
            body.append(literal: ",")
            links.append(instance.id, to: &body)
        }
        body.append(literal: "}")
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

extension [UInt8] {
    /// Appends an id as it goes between the quotes of a JSON string.
    mutating func append(contentsOf id: InstanceID) {
        switch id {
        case .digest(let digest):
            for shift in stride(from: UInt64(60), through: 0, by: -4) {
                let digit = UInt8(truncatingIfNeeded: digest >> shift) & 0xF
                append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
            }
        case .text(let name):
            // Without its quotes, which are there.
            var quoted: [UInt8] = []
            quoted.appendJSON(string: name.text)
            append(contentsOf: quoted.dropFirst().dropLast())
        }
    }
}
