// One instance of another Eureka, and what it is here: the service is its application, the id `{app}:{instanceId}`, as
// when a client of Eureka registers with this registry. What has no place in an instance of ours is kept beside it as it
// came, in the form in which registrations of Eureka's clients are kept, so that protocols which know Eureka can hand it
// back.

import Catalog
import JSON
import RegistryCore

struct EurekaItem {
    /// Why it cannot be shown.
    struct Unusable: Error {
        let sentence: String
    }

    /// Those that Eureka's clients know; another one counts as the last.
    private static let statuses = ["UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"]
    /// The metadata key that holds tags, separated by commas or semicolons.
    private static let tagsKey = "amalgam8.tags"
    /// The metadata key that says that the other registry has the instance from a source itself, and from which. What it
    /// has from a Eureka is not read from it: two registries that read each other would keep for ever what each has from
    /// the other.
    private static let sourceKey = "amalgam8.source"
    /// The metadata key by which a registry of this kind names the service of an instance that no client of Eureka has
    /// registered: applications are upper case in Eureka, and service names are not.
    private static let serviceKey = "amalgam8.service"
    /// Bytes of `{app}:{instanceId}`.
    private static let idLimit = 1_024

    private struct Port {
        var number = 0
        var isEnabled = true
    }

    private let json: [UInt8]
    private(set) var app: String?
    private(set) var status = "UP"
    private(set) var isDeleted = false
    /// Whether the other registry has read it from a Eureka.
    private(set) var isEcho = false
    /// Milliseconds since 1970.
    private(set) var lastUpdated: Int64?
    private var instanceID: String?
    private var hostName: String?
    private var homePage: String?
    private var vip: String?
    private var tags: String?
    /// Nil where it is the application.
    private var service: String?
    private var port: Port?
    private var securePort: Port?
    private var metadata: [UInt8]?

    /// Reads an instance that lies at this place. Throws where it is no object.
    init(_ text: [UInt8], _ range: Range<Int>) throws(JSONError) {
        json = Array(text[range])
        do throws(JSONError) {
            var reader = JSONReader(json)
            try reader.enterObject()
            while let key = try reader.nextKey() { try read(key.string, &reader) }
        } catch {
            throw JSONError(error.kind, at: range.lowerBound + error.offset)
        }
    }

    private mutating func read(_ key: String, _ reader: inout JSONReader) throws(JSONError) {
        switch key {
        case "instanceId": instanceID = try reader.readScalar()
        case "hostName": hostName = try reader.readScalar()
        case "app": app = try reader.readScalar()
        case "homePageUrl": homePage = try reader.readScalar()
        case "vipAddress": vip = try reader.readScalar()
        case "lastUpdatedTimestamp": lastUpdated = try reader.readScalar().flatMap { Int64($0) }
        case "actionType": isDeleted = try reader.readScalar() == "DELETED"
        case "status":
            let said = try reader.readScalar()?.uppercasedASCII ?? ""
            status = Self.statuses.contains(said) ? said : "UNKNOWN"
        case "port": port = try Self.port(&reader)
        case "securePort": securePort = try Self.port(&reader)
        case "metadata": try readMetadata(&reader)
        default: try reader.skipValue()
        }
    }

    /// `{"$":80,"@enabled":"true"}`, in numbers or strings, or a bare number, which counts.
    private static func port(_ reader: inout JSONReader) throws(JSONError) -> Port {
        guard try reader.peekType() == .object else {
            return Port(number: number(try reader.readScalar()))
        }
        var port = Port(isEnabled: false)
        try reader.enterObject()
        while let key = try reader.nextKey() {
            if key == "$" {
                port.number = number(try reader.readScalar())
            } else if key == "@enabled" {
                port.isEnabled = try reader.readScalar()?.uppercasedASCII == "TRUE"
            } else {
                try reader.skipValue()
            }
        }
        return port
    }

    private static func number(_ text: String?) -> Int { text.flatMap { UInt16($0) }.map { Int($0) } ?? 0 }

    /// What nests, and what says of which Java class the map is, is no metadata.
    private mutating func readMetadata(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.peekType() == .object else { return try reader.skipValue() }
        var object: [UInt8] = [UInt8(ascii: "{")]
        try reader.enterObject()
        while let key = try reader.nextKey() {
            let name = key.string
            guard let value = try reader.readScalar(), name != "@class" else { continue }
            if name == Self.serviceKey {
                service = value
                continue
            }
            if name == Self.tagsKey { tags = value }
            if name == Self.sourceKey { isEcho = value == SourceKind.eureka.rawValue }
            if object.count > 1 { object.append(UInt8(ascii: ",")) }
            object.appendJSON(string: name)
            object.append(UInt8(ascii: ":"))
            object.appendJSON(string: value)
        }
        metadata = object.count > 1 ? object + [UInt8(ascii: "}")] : nil
    }

    // MARK: - As it is here

    /// What it is called in its application.
    var id: String { instanceID.flatMap { $0.isEmpty ? nil : $0 } ?? hostName ?? "" }

    /// The instance as it is shown.
    func instance(of application: String, _ limits: TagLimits) throws(Unusable) -> Instance {
        guard (1...EndpointKey.longestServiceName).contains(application.utf8.count) else {
            throw Unusable(
                sentence: "the name of an application must have 1 to \(EndpointKey.longestServiceName) bytes")
        }
        guard let hostName, !hostName.isEmpty else { throw Unusable(sentence: "an instance has no hostName") }
        let endpoint = endpoint(hostName)
        guard endpoint.value.utf8.count <= EndpointKey.longestValue else {
            throw Unusable(sentence: "a hostName is too long")
        }
        // Named by its registry, it has the id there that it would have here.
        let named = service.flatMap { $0.uppercasedASCII == application.uppercasedASCII ? $0 : nil }
        guard let id = InstanceID(Array((named == nil ? "\(application):\(id)" : id).utf8)[...]),
            application.utf8.count + self.id.utf8.count < Self.idLimit
        else {
            throw Unusable(sentence: "app and instanceId may have at most \(Self.idLimit) bytes together")
        }
        var tags = splitTags
        guard tags.count <= limits.count, tags.reduce(0, { $0 + $1.utf8.count }) <= limits.bytes else {
            throw Unusable(sentence: "\(Self.tagsKey) has too many tags")
        }
        guard metadata?.count ?? 0 <= StateLimits.metadata, extra.count <= StateLimits.extra else {
            throw Unusable(sentence: "an instance is too long")
        }
        if !tags.contains(SourceKind.eureka.tag) { tags.append(SourceKind.eureka.tag) }
        return Instance(
            id: id, serviceName: Name(named ?? application), endpoint: endpoint, status: InstanceStatus(status), ttl: 0,
            tags: tags, metadata: metadata, extra: extra, registered: 0)
    }

    /// Without empty ones and the spaces around them.
    private var splitTags: [String] {
        (tags ?? "").split { $0 == "," || $0 == ";" }.map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }

    /// By `port` where that is enabled, since clients declare a secure port that nothing listens on; by the secure port
    /// where it alone is.
    private func endpoint(_ host: String) -> Endpoint {
        let shown = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        if let port, port.isEnabled, port.number > 0 {
            let isHTTP = homePage?.prefix(7).lowercased() == "http://"
            return Endpoint(kind: isHTTP ? .http : .tcp, value: "\(shown):\(port.number)")
        }
        if let securePort, securePort.isEnabled, securePort.number > 0 {
            return Endpoint(kind: .https, value: "\(shown):\(securePort.number)")
        }
        return Endpoint(kind: .tcp, value: shown)
    }

    /// As the original registry kept what Eureka's clients say: the instance as JSON in a string, and its virtual
    /// addresses beside it.
    private var extra: [UInt8] {
        let kept = (try? kept) ?? []
        var extra: [UInt8] = []
        extra.reserveCapacity(kept.count + kept.count / 4 + 64)
        extra.append(literal: "{\"eureka\":")
        extra.appendJSON(string: kept)
        extra.append(literal: ",\"vipAddress\":")
        extra.appendJSON(string: vip ?? "")
        extra.append(literal: "}")
        return extra
    }

    /// The instance as it came, without what is of the moment: members ask at different times, and what they have must
    /// say the same.
    private var kept: [UInt8] {
        get throws(JSONError) {
            var reader = JSONReader(json)
            var object: [UInt8] = []
            try reader.enterObject()
            while let key = try reader.nextKey() {
                switch key.string {
                case "status", "overriddenstatus", "overriddenStatus", "lastUpdatedTimestamp", "actionType", "metadata":
                    try reader.skipValue()
                case "leaseInfo" where try reader.peekType() == .object:
                    var lease: [UInt8] = []
                    try reader.enterObject()
                    while let field = try reader.nextKey() {
                        let value = try reader.readRawValue()
                        guard Self.leaseFields.contains(field.string) else { continue }
                        Self.add(field.string, json[value], to: &lease)
                    }
                    Self.add("leaseInfo", Self.closed(lease)[...], to: &object)
                case let name: Self.add(name, json[try reader.readRawValue()], to: &object)
                }
            }
            Self.add("metadata", markedMetadata[...], to: &object)
            return Self.closed(object)
        }
    }

    /// The metadata, and from which source it is, for another registry that reads this one.
    private var markedMetadata: [UInt8] {
        var marked = metadata.map { Array($0.dropLast()) } ?? []
        var value: [UInt8] = []
        value.appendJSON(string: SourceKind.eureka.rawValue)
        Self.add(Self.sourceKey, value[...], to: &marked)
        return Self.closed(marked)
    }

    /// What a client asks of its lease, and since when it has been up.
    private static let leaseFields: Set = ["renewalIntervalInSecs", "durationInSecs", "serviceUpTimestamp"]

    private static func add(_ name: String, _ value: ArraySlice<UInt8>, to object: inout [UInt8]) {
        object.append(UInt8(ascii: object.isEmpty ? "{" : ","))
        object.appendJSON(string: name)
        object.append(UInt8(ascii: ":"))
        object.append(contentsOf: value)
    }

    private static func closed(_ object: [UInt8]) -> [UInt8] {
        (object.isEmpty ? [UInt8(ascii: "{")] : object) + [UInt8(ascii: "}")]
    }
}
