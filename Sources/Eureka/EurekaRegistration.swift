// What a client of Eureka registers becomes an instance of the registry: its id is `{app}:{instanceId}`, its service the
// application, its endpoint the port that counts (docs/eureka.md, E2xx).

import Catalog
import JSON
import RegistryCore

/// Why a registration is refused.
struct EurekaRefusal: Error {
    /// Without its full stop.
    let sentence: String
}

/// A registration that may be made.
struct EurekaRegistration {
    /// The metadata key that holds tags, separated by commas or semicolons.
    static let tagsKey: StaticString = "amalgam8.tags"
    /// What is asked for where a client names no duration, in seconds.
    static let standardDuration: Int64 = 90
    /// Bytes of `{app}:{instanceId}`: what members of all releases take.
    static let idLimit = 1_024

    let instance: Instance

    /// Judges what a client said of an application's instance.
    ///
    /// - Parameter app: as the path has it.
    init(
        _ said: EurekaInstance, app: Bytes, policy: LeasePolicy, tagLimits: TagLimits, at moment: Moment
    ) throws(EurekaRefusal) {
        var said = said
        guard let host = said[.hostName], !host.isEmpty else { throw EurekaRefusal(sentence: "hostName is required") }
        guard let address = said[.ipAddress], !address.isEmpty else {
            throw EurekaRefusal(sentence: "ipAddr is required")
        }
        guard let name = said[.app], !name.isEmpty else { throw EurekaRefusal(sentence: "app is required") }
        guard name.equalsFolded(app) else { throw EurekaRefusal(sentence: "app must be the one in the path") }
        guard name.count <= EndpointKey.longestServiceName else {
            throw EurekaRefusal(sentence: "app may have at most \(EndpointKey.longestServiceName) bytes")
        }
        let status = said.status ?? EurekaStatus.all[4].bytes
        guard EurekaStatus.isKnown(status) else {
            throw EurekaRefusal(sentence: "status must be UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN")
        }
        let local = said[.instanceID].flatMap { $0.isEmpty ? nil : $0 } ?? said.amazonID ?? host
        guard let id = Self.id(app: app, local), id.utf8.count <= Self.idLimit else {
            throw EurekaRefusal(sentence: "app and instanceId may have at most \(Self.idLimit) bytes together")
        }
        said[.instanceID] = local
        if said[.vip]?.isEmpty ?? true { said[.vip] = app.lowercased }
        // Of the time of the answer, not of the registration.
        for field: EurekaInstance.Field in [.status, .overriddenStatus, .lastUpdated, .actionType] { said[field] = nil }

        let endpoint = said.endpoint(host: host)
        guard endpoint.value.utf8.count <= EndpointKey.longestValue else {
            throw EurekaRefusal(sentence: "hostName is too long")
        }
        let tags = Self.tags(said.metadata(Self.tagsKey))
        guard tags.count <= tagLimits.count, tags.reduce(0, { $0 + $1.utf8.count }) <= tagLimits.bytes else {
            throw EurekaRefusal(
                sentence: "\(Self.tagsKey) may have at most \(tagLimits.count) tags and \(tagLimits.bytes) bytes")
        }
        let seconds = said.lease.duration.flatMap { $0 > 0 ? $0 : nil } ?? Self.standardDuration
        var metadata: [UInt8]?
        if !said.metadata.isEmpty {
            var json: [UInt8] = []
            EurekaInstance.appendJSON(said.metadata, to: &json)
            metadata = json
        }
        let extra = EurekaExtra.bytes(of: said)
        guard extra.count <= StateLimits.extra, metadata?.count ?? 0 <= StateLimits.metadata else {
            throw EurekaRefusal(sentence: "the instance is too long")
        }
        instance = Instance(
            id: id, serviceName: Name(app.text), endpoint: endpoint, status: InstanceStatus(status.text),
            ttl: policy.ttl(requestedSeconds: UInt32(clamping: seconds)), tags: tags, metadata: metadata, extra: extra,
            registered: moment.wall)
    }

    /// The id that an instance of an application is known by here.
    static func id(app: Bytes, _ local: Bytes) -> InstanceID? {
        InstanceID((Array(app) + [UInt8(ascii: ":")] + local)[...])
    }

    /// Empty ones are none.
    private static func tags(_ list: Bytes?) -> [String] {
        guard let list else { return [] }
        return list.split { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ";") }.map { tag in
            let start = tag.firstIndex { $0 > 0x20 } ?? tag.endIndex
            let end = tag.lastIndex { $0 > 0x20 }.map { $0 + 1 } ?? tag.endIndex
            return tag[start..<max(start, end)].text
        }.filter { !$0.isEmpty }
    }
}

extension EurekaInstance {
    /// The machine's id, where Amazon says one.
    fileprivate var amazonID: Bytes? {
        guard let id = dataCenter?.metadata.first(where: { $0.key.equals("instance-id") })?.value, !id.isEmpty else {
            return nil
        }
        return id
    }

    /// How the instance is reached: by `port` where that is enabled, since clients declare a secure port that nothing
    /// listens on; by the secure port where it alone is.
    fileprivate func endpoint(host: Bytes) -> Endpoint {
        let shown =
            host.contains(UInt8(ascii: ":")) && host.first != UInt8(ascii: "[") ? "[\(host.text)]" : host.text
        if let port, port.isEnabled, port.number > 0 {
            let isHTTP = self[.homePage].map { $0.prefix(7).equalsFolded(("http://" as StaticString).bytes) } ?? false
            return Endpoint(kind: isHTTP ? .http : .tcp, value: "\(shown):\(port.number)")
        }
        if let securePort, securePort.isEnabled, securePort.number > 0 {
            return Endpoint(kind: .https, value: "\(shown):\(securePort.number)")
        }
        return Endpoint(kind: .tcp, value: shown)
    }
}
