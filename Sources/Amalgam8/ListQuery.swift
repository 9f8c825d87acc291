// The filters of a listing and the fields it is to show (docs/rest-api.md, R301–R317; docs/prometheus.md, H110).

import Catalog
import HTTP
import RegistryCore
import Serving

/// What `GET /api/v1/instances` or `GET /api/v1/targets` is asked for.
struct ListQuery {
    enum List {
        case instances
        /// Takes fewer parameters, and hides no status.
        case targets
        /// Shows instances as a whole.
        case watched
    }

    enum StatusFilter {
        case all
        case only(InstanceStatus)
        /// Matches nothing.
        case none
    }

    private(set) var status = StatusFilter.all
    private(set) var serviceName: Name?
    private(set) var id: String?
    private var tags: TagFilter?
    /// The fields of each instance.
    private(set) var fields = InstanceFields.all

    /// Reads the query. Throws for an unknown parameter, a bad escape, a parameter given twice, and an unknown field.
    init(_ query: ArraySlice<UInt8>?, of list: List = .instances) throws(Refused) {
        let parameters: [QueryParameter]
        do throws(Refusal) {
            parameters = try QueryParameter.parse(query)
        } catch {
            throw .malformed(error)
        }
        var status: StatusFilter?
        for parameter in parameters {
            switch parameter.name {
            case "status": status = Self.statusFilter(parameter.value)
            case "service_name": serviceName = Name(parameter.value)
            case "tags": tags = TagFilter(parameter.value)
            case "id" where list != .targets: id = parameter.value
            case "namespace": break  // It was judged with the credential.
            case "fields" where list == .instances: fields = try Self.fields(parameter.value)
            default:
                throw .invalid(Self.parameters(of: list))
            }
        }
        // Only a listing without filters hides what is not up (R302, R305).
        let hidesStatuses = list != .targets && serviceName == nil && id == nil && tags == nil
        self.status = status ?? (hidesStatuses ? .only(.up) : .all)
    }

    private static func parameters(of list: List) -> String {
        switch list {
        case .instances:
            "the query parameters are service_name, status, tags and id, which filter, fields, and wait; no other is "
                + "known"
        case .targets: "the query parameters are service_name, status and tags, which filter; no other is known"
        case .watched:
            "the query parameters are service_name, status, tags and id, which filter, and since; no other is known"
        }
    }

    /// Whether it asks for whole instances, by service and status at most: what services render for everybody.
    var isPlain: Bool { id == nil && tags == nil && fields == .all }

    private static func statusFilter(_ value: String) -> StatusFilter {
        guard !value.isEmpty else { return .none }
        let upper = InstanceStatus(value)
        switch upper {
        case InstanceStatus("ALL"): return .all
        case .up, .starting, .outOfService: return .only(upper)
        // Statuses of other protocols are upper case throughout; asked for in another case they match nothing (R304).
        default: return upper.token == value ? .only(upper) : .none
        }
    }

    private static func fields(_ value: String) throws(Refused) -> InstanceFields {
        var fields = InstanceFields.minimum
        guard !value.isEmpty else { return fields }
        for name in value.split(separator: ",", omittingEmptySubsequences: false) {
            guard let field = InstanceFields(name: name) else {
                throw .invalid(
                    "fields may name id, service_name, endpoint, ttl, status, metadata, last_heartbeat, links and "
                        + "tags only")
            }
            fields.insert(field)
        }
        return fields
    }

    /// What a query found.
    struct Selection {
        /// In the order of R317.
        var instances: [LeasedInstance] = []
        /// When the first lease runs out of those looked at.
        var liveUntil = LeaseTime.distantFuture
        /// The sum of the hashes of those looked at whose leases have run out.
        var overdue: UInt64 = 0

        /// Takes in a service's listing.
        fileprivate mutating func append(
            _ listing: ServiceListing, _ budget: inout RenderBudget, where matches: (Instance) -> Bool
        ) throws(RenderStop) {
            for leased in listing.instances {
                try budget.scan(leased.instance.packedSize)
                if matches(leased.instance) { instances.append(leased) }
            }
            liveUntil = min(liveUntil, listing.liveUntil)
            overdue &+= listing.overdue
        }
    }

    /// The instances asked for.
    func select(_ rendering: inout ListRendering) throws(RenderStop) -> Selection {
        var selection = Selection()
        let now = rendering.instant.lease
        if let id {
            selection.liveUntil = now
            guard let id = InstanceID(Array(id.utf8)[...]) else { return selection }
            if let found = rendering.lookup.instance(id, in: rendering.namespace, at: now) {
                if matches(found.instance) { selection.instances = [found] }
            } else {
                selection.overdue = rendering.lookup.overdueHash(of: id, in: rendering.namespace, at: now)
            }
        } else if let serviceName {
            try selection.append(rendering.listing(of: serviceName), &rendering.budget, where: matches)
        } else {
            let services = try rendering.allServices()
            selection.overdue = services.overdue
            for service in services.services {
                try selection.append(rendering.listing(of: service.name), &rendering.budget, where: matches)
            }
        }
        return selection
    }

    /// Whether the list has an instance. An `id` is looked up, and not compared here.
    func matches(_ instance: Instance) -> Bool {
        guard shows(instance.status) else { return false }
        if let serviceName, instance.serviceName != serviceName { return false }
        return tags?.matches(instance) ?? true
    }

    /// Whether the list has instances of a status.
    func shows(_ found: InstanceStatus) -> Bool {
        switch status {
        case .all: true
        case .only(let wanted): found == wanted
        case .none: false
        }
    }

    /// Whether the list may have the instance that a change is of, at some time.
    func couldShow(_ change: Change) -> Bool {
        if let serviceName, change.serviceName != serviceName { return false }
        if let id, InstanceID(Array(id.utf8)[...]) != change.id { return false }
        return true
    }
}
