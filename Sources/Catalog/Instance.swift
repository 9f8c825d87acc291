// What a registration says, as it was said. It never changes: a new registration or status makes a new value, so a
// snapshot can be rendered outside of every lock while its lease goes on.

/// How an instance is reached.
package struct Endpoint: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case tcp, udp, http, https, user

        /// Its place among all cases. Written and published by this number.
        var index: Int {
            switch self {
            case .tcp: 0
            case .udp: 1
            case .http: 2
            case .https: 3
            case .user: 4
            }
        }
    }

    package let kind: Kind
    package let value: String

    package init(kind: Kind, value: String) {
        self.kind = kind
        self.value = value
    }
}

/// What an instance says of itself. An open token: protocols have statuses of their own.
package struct InstanceStatus: Hashable, Sendable {
    /// Without lower-case ASCII letters.
    package let token: String

    /// The token in upper case. ASCII only: by Unicode's rules other letters, such as the long s, would become those of
    /// a known token.
    package init(_ token: String) {
        self.token = String(decoding: token.utf8.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }, as: UTF8.self)
    }

    package static let up = InstanceStatus("UP")
    package static let starting = InstanceStatus("STARTING")
    /// Taken out by an operator. It does not expire: what was taken out on purpose is not to vanish by accident.
    package static let outOfService = InstanceStatus("OUT_OF_SERVICE")
}

/// A registered instance without its lease.
///
/// All but an id that is a digest is packed into one array (`PackedInstance.swift`), so that a million of them are a
/// million allocations and not ten million; the properties unpack what they are asked for. Those whose name ends in
/// `UTF8` lend the packed bytes without making a String of them.
package struct Instance: Hashable, Sendable {
    /// Bytes of metadata that a client of the REST API, or a source, may give an instance (R217).
    package static let metadataLimit = 1_024

    /// The id, if it is a digest; else 0.
    let digest: UInt64
    let packed: PackedInstance

    package init(
        id: InstanceID, serviceName: Name, endpoint: Endpoint, status: InstanceStatus, ttl: Int64, tags: [String],
        metadata: [UInt8]?,
        extra: [UInt8]? = nil, further: [UInt8]? = nil, registered: Int64
    ) {
        self.init(
            id: id, serviceName: Array(serviceName.text.utf8)[...], endpointKind: endpoint.kind,
            endpointValue: Array(endpoint.value.utf8)[...], status: status, ttl: ttl,
            tags: TagRun(tags.map { Array($0.utf8)[...] }),
            metadata: metadata?[...], extra: extra?[...], further: further?[...], registered: registered)
    }

    /// The same of texts that are UTF-8, wherever they lie.
    package init(
        id: InstanceID, serviceName: ArraySlice<UInt8>, endpointKind: Endpoint.Kind, endpointValue: ArraySlice<UInt8>,
        status: InstanceStatus, ttl: Int64, tags: TagRun, metadata: ArraySlice<UInt8>?,
        extra: ArraySlice<UInt8>? = nil,
        further: ArraySlice<UInt8>? = nil, registered: Int64
    ) {
        if case .digest(let digest) = id { self.digest = digest } else { digest = 0 }
        packed = PackedInstance(
            id: id, serviceName: serviceName, endpointKind: endpointKind, endpointValue: endpointValue, status: status,
            ttl: ttl,
            tags: tags,
            metadata: metadata, extra: extra, further: further, registered: registered)
    }

    /// What fills a place without an instance.
    static let vacant = Instance(
        id: .digest(0), serviceName: Name(""), endpoint: Endpoint(kind: .tcp, value: ""), status: .up, ttl: 0, tags: [],
        metadata: nil,
        registered: 0)

    init(digest: UInt64, packed: PackedInstance) {
        self.digest = digest
        self.packed = packed
    }

    package var id: InstanceID { packed.id.map { .text(Name(String(decoding: $0, as: UTF8.self))) } ?? .digest(digest) }
    /// Whether it has fields that `StateCodec` passes on.
    var hasFurther: Bool { packed.more.contains(.further) }
    var hasDigest: Bool { !packed.more.contains(.id) }

    package var serviceName: Name { Name(String(decoding: packed.serviceName, as: UTF8.self)) }
    package var serviceNameUTF8: ArraySlice<UInt8> { packed.serviceName }
    package var endpoint: Endpoint {
        Endpoint(kind: packed.endpointKind, value: String(decoding: packed.endpointValue, as: UTF8.self))
    }
    package var endpointKind: Endpoint.Kind { packed.endpointKind }
    package var endpointValueUTF8: ArraySlice<UInt8> { packed.endpointValue }
    package var status: InstanceStatus { packed.status }
    /// Whether it was taken out by an operator, and so does not expire.
    package var isOutOfService: Bool { packed.isOutOfService }
    /// How long a lease lasts, in milliseconds, above 0; 0 where a source has the instance, which has no lease here.
    package var ttl: Int64 { packed.ttl }
    /// In the order sent.
    package var tags: [String] {
        var tags: [String] = []
        tags.reserveCapacity(packed.tagCount)
        forEachTag { tags.append(String(decoding: $0, as: UTF8.self)) }
        return tags
    }
    package var tagCount: Int { packed.tagCount }
    /// Hands out the tags' UTF-8, in the order sent.
    package func forEachTag(_ body: (ArraySlice<UInt8>) -> Void) { packed.forEachTag(body) }
    /// Whether one of the tags, by its UTF-8, is such; those behind it are not looked at.
    package func containsTag(where isSuch: (ArraySlice<UInt8>) -> Bool) -> Bool { packed.containsTag(where: isSuch) }
    /// A JSON value byte for byte as sent, or nil.
    package var metadata: [UInt8]? { packed.metadata.map(Array.init) }
    package var metadataUTF8: ArraySlice<UInt8>? { packed.metadata }
    /// What another protocol keeps with its instances and the REST API does not show, as a JSON object byte for byte as
    /// sent; or nil.
    package var extra: [UInt8]? { packed.extra.map(Array.init) }
    package var extraUTF8: ArraySlice<UInt8>? { packed.extra }
    /// What a newer release says of it and this one does not know, as it travels between members: kept and passed on,
    /// so that an upgrade loses nothing that comes by way of a member which is still to be upgraded. Or nil.
    package var further: [UInt8]? { packed.further.map(Array.init) }
    /// Nanoseconds since 1970.
    package var registered: Int64 { packed.registered }

    /// What `leaseTime` is of what never runs out.
    package static let endless = Int64.max
    /// Milliseconds after a heartbeat at which its lease has run out: one more than the TTL, since times are whole
    /// milliseconds and a lease that began late in one would else end too early. What another protocol registers always
    /// expires: there an instance itself says that it is out of service, and nobody else would ever remove it.
    package var leaseTime: Int64 {
        isOutOfService && !packed.more.contains(.extra) ? Self.endless : ttl.addingSaturated(1)
    }
    /// Whether its lease has run out when its last heartbeat is this many milliseconds old.
    package func hasRunOut(age: Int64) -> Bool { leaseTime != Self.endless && age >= leaseTime }

    /// Whether another registration of the same id says the same, whenever it was made.
    func saysTheSame(as other: Instance) -> Bool { packed.saysTheSame(as: other.packed) }

    /// The fields that have another value than another registration's of the same id.
    func fields(otherThanIn other: Instance) -> Change.Fields { packed.fields(otherThanIn: other.packed) }

    /// Bytes that all but the id takes: no text of it is longer.
    package var packedSize: Int { packed.size }

    /// The same registration with another status.
    package func with(status: InstanceStatus) -> Instance {
        Instance(digest: digest, packed: packed.with(status: status))
    }
}

/// An instance and the state of its lease at one moment.
package struct LeasedInstance: Sendable {
    package let instance: Instance
    /// The time of its last heartbeat: nanoseconds since 1970.
    package let lastHeartbeat: Int64
    /// Whether its lease would have run out, and it is kept because its heartbeats may not have arrived: see
    /// `ExpiryHold`.
    package let isOverdue: Bool
    /// What the instance says of its status, where another counts; nil where its own does.
    package let registeredStatus: InstanceStatus?
    /// When it is deregistered because an operator drains it, in nanoseconds since 1970; nil where none does.
    package let drainEnd: Int64?
    /// Whether it is an override of its service that counts as its status.
    package let hasServiceOverride: Bool

    /// Whether an operator's word counts as its status, on it or on its service.
    package var isOverridden: Bool { hasServiceOverride || instance.override?.status != nil }

    /// - Parameter instance: with the status that counts.
    package init(
        instance: Instance, lastHeartbeat: Int64, isOverdue: Bool = false, registeredStatus: InstanceStatus? = nil,
        drainEnd: Int64? = nil, hasServiceOverride: Bool = false
    ) {
        self.drainEnd = drainEnd
        self.hasServiceOverride = hasServiceOverride
        self.instance = instance
        self.lastHeartbeat = lastHeartbeat
        self.isOverdue = isOverdue
        self.registeredStatus = registeredStatus
    }
}
