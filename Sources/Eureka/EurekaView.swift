// An instance of the registry as Eureka's clients see it, whoever has registered it: what a client of Eureka said is
// handed back with what the registry knows of its lease; an instance of the REST API gets what Eureka's clients cannot
// do without.

import Catalog
import JSON
import Text

extension EurekaInstance {
    /// The three names of data centers that Java clients know; with another one they lose the whole answer.
    private static let dataCenters: [StaticString] = ["MyOwn", "Netflix", "Amazon"]
    private static let ownClass: StaticString = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
    private static let amazonClass: StaticString = "com.netflix.appinfo.AmazonInfo"
    /// The metadata key that names the service of an instance that no client of Eureka has registered.
    private static let serviceKey: StaticString = "amalgam8.service"
    private static let nanosecondsPerMillisecond: Int64 = 1_000_000

    /// An instance as answers show it.
    init(_ leased: LeasedInstance) {
        let instance = leased.instance
        let said = instance.extraUTF8.flatMap { EurekaExtra.instance(in: Array($0)) }
        if let said { self = said } else { self.init(ofREST: instance) }
        let status = EurekaStatus.known(Array(instance.status.token.utf8)[...])
        self[.status] = status.bytes
        self[.overriddenStatus] = (leased.isOverridden ? status : EurekaStatus.unknown).bytes
        self[.app] = instance.serviceNameUTF8.uppercased
        if self[.instanceID] == nil { self[.instanceID] = Self.instanceID(of: instance) }
        if self[.hostName] == nil { self[.hostName] = instance.endpointValueUTF8 }
        if self[.ipAddress] == nil { self[.ipAddress] = self[.hostName] }
        if self[.vip] == nil { self[.vip] = instance.serviceNameUTF8.lowercased }
        if self[.countryID]?.integer == nil { self[.countryID] = ("1" as StaticString).bytes }
        if port == nil { port = Port(number: 0, isEnabled: false) }
        if securePort == nil { securePort = Port(number: 0, isEnabled: false) }
        let registered = instance.registered / Self.nanosecondsPerMillisecond
        lease.duration = (instance.ttl + 999) / 1_000
        lease.registered = registered
        lease.renewed = leased.lastHeartbeat / Self.nanosecondsPerMillisecond
        if lease.served == 0 { lease.served = registered }
        if self[.lastDirty]?.integer == nil { self[.lastDirty] = Self.decimal(registered) }
        self[.lastUpdated] = Self.decimal(registered)
        // promtool takes nothing but Go's booleans.
        self[.isCoordinating] =
            (self[.isCoordinating]?.equalsFolded(("true" as StaticString).bytes) ?? false
            ? "true" : "false" as StaticString).bytes
        self[.actionType] = ("ADDED" as StaticString).bytes
        judgeDataCenter()
    }

    /// What is left of an instance of which only a change is known.
    init(_ change: Change) {
        self.init(
            LeasedInstance(
                instance: Instance(
                    id: change.id, serviceName: change.serviceName, endpoint: change.endpoint,
                    status: change.before ?? .up, ttl: 1, tags: [], metadata: nil,
                    registered: change.microseconds.multipliedReportingOverflow(by: 1_000).partialValue),
                lastHeartbeat: change.microseconds.multipliedReportingOverflow(by: 1_000).partialValue))
        self[.actionType] = ("DELETED" as StaticString).bytes
    }

    /// The id within its application: without the application's name where the id is `{app}:{instanceId}`.
    static func instanceID(of instance: Instance) -> Bytes {
        let id = instance.id.utf8[...]
        let service = instance.serviceNameUTF8
        guard case .text = instance.id, id.count > service.count, id.prefix(service.count).equalsFolded(service),
            id[id.startIndex + service.count] == UInt8(ascii: ":")
        else { return id }
        return id.dropFirst(service.count + 1)
    }

    static func decimal(_ number: Int64) -> Bytes { Array(String(number).utf8)[...] }

    /// A name that Java clients do not know is kept with the registration and shown as MyOwn; the class follows the
    /// name.
    private mutating func judgeDataCenter() {
        var shown = dataCenter ?? DataCenter(className: [], name: [])
        if !Self.dataCenters.contains(where: { shown.name.equals($0) }) { shown.name = Self.dataCenters[0].bytes }
        let isAmazon = shown.name.equals("Amazon")
        shown.className = (isAmazon ? Self.amazonClass : Self.ownClass).bytes
        var map = EurekaInstance()
        if isAmazon { map.setMetadata(shown.metadata) }
        shown.metadata = map.metadata
        dataCenter = shown
    }

    /// What an instance of another protocol comes to.
    private init(ofREST instance: Instance) {
        self.init()
        let (host, number) = Self.hostAndPort(instance.endpointValueUTF8)
        self[.hostName] = host
        self[.ipAddress] = host
        let isSecure = instance.endpointKind == .https
        port = Port(number: number ?? 0, isEnabled: number != nil && !isSecure)
        securePort = Port(number: isSecure ? number ?? 0 : 0, isEnabled: number != nil && isSecure)
        if let number, instance.endpointKind == .http || isSecure {
            let scheme: StaticString = isSecure ? "https://" : "http://"
            let shown = host.contains(UInt8(ascii: ":")) ? Array("[".utf8) + host + Array("]".utf8) : Array(host)
            self[.homePage] = (scheme.bytes + shown + Array(":\(number)/".utf8))[...]
        }
        var pairs = Self.pairs(instance.metadataUTF8)
        if instance.tagCount > 0 {
            var tags: [UInt8] = []
            instance.forEachTag { tag in
                if !tags.isEmpty { tags.append(UInt8(ascii: ",")) }
                tags += tag
            }
            pairs.append(Pair(key: EurekaRegistration.tagsKey.bytes, value: tags[...]))
        }
        // Applications are upper case, and service names are not: a registry that reads this one wants to know.
        pairs.append(Pair(key: Self.serviceKey.bytes, value: instance.serviceNameUTF8))
        setMetadata(pairs)
    }

    /// The scalars of a metadata object; none when it is something else.
    private static func pairs(_ metadata: Bytes?) -> [Pair] {
        guard let metadata else { return [] }
        var pairs: [Pair] = []
        do throws(JSONError) {
            var reader = JSONReader(Array(metadata))
            guard try reader.peekType() == .object else { return [] }
            try reader.enterObject()
            while let key = try reader.nextKey(), pairs.count < metadataLimit {
                switch try reader.peekType() {
                case .object, .array: try reader.skipValue()
                default: if let value = try reader.readScalar() { pairs.append(Pair(key: key.bytes, value: value)) }
                }
            }
        } catch { return [] }
        return pairs
    }

    /// `10.0.0.1:80`, `[::1]:80`, `host`: the host without brackets, and the port if there is one.
    static func hostAndPort(_ value: Bytes) -> (host: Bytes, port: Int?) {
        guard let colon = value.lastIndex(of: UInt8(ascii: ":")),
            let number = Port.number(value[(colon + 1)...]),
            value[(colon + 1)...].allSatisfy({ (0x30...0x39).contains($0) })
        else { return (unbracketed(value), nil) }
        let host = value[..<colon]
        // An IPv6 address without brackets has no port.
        if host.contains(UInt8(ascii: ":")), host.first != UInt8(ascii: "[") { return (value, nil) }
        return (unbracketed(host), number)
    }

    private static func unbracketed(_ host: Bytes) -> Bytes {
        host.first == UInt8(ascii: "[") && host.last == UInt8(ascii: "]") ? host.dropFirst().dropLast() : host
    }
}
