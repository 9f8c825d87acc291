// An instance as Eureka's clients know it: some twenty scalar fields, two ports, a data center, a lease and metadata.
// The same value is read from JSON and from XML, kept with the registration, and written in both forms.

/// What a client says of an instance, and what answers say of it.
struct EurekaInstance: Sendable, Equatable {
    /// The fields that are scalars of the instance itself, in the order of Netflix's answers.
    enum Field: Int, CaseIterable, Sendable {
        case instanceID, hostName, app, ipAddress, sid, status, overriddenStatus, countryID, appGroupName
        case homePage, statusPage, healthCheck, secureHealthCheck, vip, secureVIP
        case isCoordinating, lastUpdated, lastDirty, actionType, asgName

        /// As both forms have it; XML alone has another name for the overridden status.
        var name: StaticString {
            switch self {
            case .instanceID: "instanceId"
            case .hostName: "hostName"
            case .app: "app"
            case .ipAddress: "ipAddr"
            case .sid: "sid"
            case .status: "status"
            case .overriddenStatus: "overriddenStatus"
            case .countryID: "countryId"
            case .appGroupName: "appGroupName"
            case .homePage: "homePageUrl"
            case .statusPage: "statusPageUrl"
            case .healthCheck: "healthCheckUrl"
            case .secureHealthCheck: "secureHealthCheckUrl"
            case .vip: "vipAddress"
            case .secureVIP: "secureVipAddress"
            case .isCoordinating: "isCoordinatingDiscoveryServer"
            case .lastUpdated: "lastUpdatedTimestamp"
            case .lastDirty: "lastDirtyTimestamp"
            case .actionType: "actionType"
            case .asgName: "asgName"
            }
        }

        /// Whether a compact answer leaves it out.
        var isLeftOutOfCompact: Bool {
            switch self {
            case .sid, .overriddenStatus, .countryID, .appGroupName, .homePage, .statusPage, .healthCheck,
                .secureHealthCheck, .isCoordinating, .lastDirty:
                true
            default: false
            }
        }

        /// Whether its value has to be a whole number.
        var isNumber: Bool {
            switch self {
            case .countryID, .lastUpdated, .lastDirty: true
            default: false
            }
        }

        /// The field of this name, in either spelling of the overridden status.
        init?(_ name: Bytes) {
            if name.equals("overriddenstatus") {
                self = .overriddenStatus
                return
            }
            guard let field = Self.allCases.first(where: { name.equals($0.name) }) else { return nil }
            self = field
        }
    }

    /// A port and whether it counts.
    struct Port: Sendable, Equatable {
        var number: Int
        var isEnabled: Bool
    }

    /// Where the instance runs. Java clients know three names, and fail as a whole at a fourth.
    struct DataCenter: Sendable, Equatable {
        var className: Bytes
        var name: Bytes
        /// What Amazon says of a machine.
        var metadata: [Pair] = []
    }

    /// What a client asks of its lease; times are in milliseconds since 1970.
    struct Lease: Sendable, Equatable {
        /// In seconds.
        var renewalInterval: Int64 = 30
        /// In seconds; nil where the client asks for none.
        var duration: Int64?
        var registered: Int64 = 0
        var renewed: Int64 = 0
        var served: Int64 = 0
    }

    /// By the place of the field.
    private var values = [Bytes?](repeating: nil, count: Field.allCases.count)
    var port: Port?
    var securePort: Port?
    var dataCenter: DataCenter?
    var lease = Lease()
    /// Invariant: no two have the same key.
    private(set) var metadata: [Pair] = []

    subscript(field: Field) -> Bytes? {
        get { values[field.rawValue] }
        set { values[field.rawValue] = newValue }
    }

    /// A field that is a number.
    func integer(_ field: Field) -> Int64? { self[field]?.integer }

    /// The status that the client has given, in upper case.
    var status: Bytes? { self[.status]?.uppercased }

    /// Takes over metadata; of two with one key the later one counts.
    mutating func setMetadata(_ pairs: [Pair]) {
        metadata = []
        mergeMetadata(pairs)
    }

    /// Takes over metadata beside what there is.
    mutating func mergeMetadata(_ pairs: [Pair]) {
        var places: [Bytes: Int] = [:]
        for (place, pair) in metadata.enumerated() { places[pair.key] = place }
        for pair in pairs {
            if let place = places[pair.key] {
                metadata[place].value = pair.value
            } else {
                places[pair.key] = metadata.count
                metadata.append(pair)
            }
        }
    }

    /// A value of the metadata.
    func metadata(_ key: StaticString) -> Bytes? { metadata.first { $0.key.equals(key) }?.value }
}

/// The statuses that Eureka's clients know. Another one would count as UNKNOWN there, and every hash code would differ.
enum EurekaStatus {
    static let all: [StaticString] = ["DOWN", "OUT_OF_SERVICE", "STARTING", "UNKNOWN", "UP"]
    static let unknown: StaticString = "UNKNOWN"

    /// The status that stands for this one in Eureka's answers.
    static func known(_ status: Bytes) -> StaticString {
        all.first { status.equalsFolded($0.bytes) } ?? unknown
    }

    /// Whether clients know it, in any case.
    static func isKnown(_ status: Bytes) -> Bool { all.contains { status.equalsFolded($0.bytes) } }
}
