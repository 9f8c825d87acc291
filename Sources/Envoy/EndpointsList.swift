// The endpoints of clusters as Envoy takes them (envoy.service.discovery.v3.DiscoveryResponse, in the JSON of protobuf).
// Envoy refuses a whole answer for a host that is no IP address, a weight of 0 or a cluster that it did not ask for, and
// keeps dead endpoints for a cluster that is missing: so what does not fit is left out, and each cluster has its place.

import Catalog
import HTTP
import JSON
import RegistryCore
import Serving
import Text

extension Format {
    // The numbers of formats are a process's.
    fileprivate static let envoy = Format(number: 10, contentType: .json, isTagged: false, separator: ",") {
        EndpointWriter()
    }
}

extension ListedResource {
    /// The key is the names asked for. It has a version in its body in place of a tag.
    static let endpoints = ListedResource(.envoy, number: 0)
}

/// The endpoints of some clusters.
struct EndpointsList: ListRequest {
    let namespace: Namespace
    let clusters: [EnvoyCluster]

    var variant: String? { nil }

    func make(_ rendering: inout ListRendering) throws(RenderStop) -> RenderedList {
        var resources: [UInt8] = []
        var digests: [UInt64] = []
        var liveUntil = LeaseTime.distantFuture
        var overdue: UInt64 = 0
        for (index, cluster) in clusters.enumerated() {
            if index > 0 { resources.append(literal: ",") }
            let listing = try rendering.listing(of: cluster.service)
            digests.append(listing.revision.digest &- listing.overdue)
            liveUntil = min(liveUntil, listing.liveUntil)
            overdue &+= listing.overdue
            try append(cluster, listing, to: &resources, &rendering.budget)
        }
        let version = EndpointsVersion(namespace, clusters, digests).text
        var body: [UInt8] = []
        body.reserveCapacity(resources.count + 256)
        body.append(literal: "{\"version_info\":\"")
        body += version
        body.append(literal: "\",\"resources\":[")
        body += resources
        body.append(
            literal:
                "],\"type_url\":\"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\",\"nonce\":\"")
        body += version
        body.append(literal: "\"}")
        return rendering.finished(body, liveUntil: liveUntil, overdue: overdue)
    }

    private func append(
        _ cluster: EnvoyCluster, _ listing: ServiceListing, to body: inout [UInt8], _ budget: inout RenderBudget
    ) throws(RenderStop) {
        let start = body.count
        body.append(
            literal:
                "{\"@type\":\"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\",\"cluster_name\":")
        body.appendJSON(string: cluster.name)
        body.append(literal: ",\"endpoints\":[")
        try budget.make(body.count - start)
        var writer = EndpointWriter()
        let empty = body.count
        for leased in listing.instances {
            try budget.scan(leased.instance.packedSize)
            guard cluster.has(leased.instance) else { continue }
            let end = body.count
            body.append(literal: end == empty ? "{\"lb_endpoints\":[" : ",")
            let start = body.count
            writer.append(leased, to: &body)
            if body.count == start { body.removeLast(start - end) }
            try budget.make(body.count - end)
        }
        body.append(literal: body.count == empty ? "]}" : "]}]}")
    }
}

/// Writes instances as endpoints of one cluster.
struct EndpointWriter: InstanceWriter {
    private struct Socket: Hashable {
        let host: InstanceAddress.Host
        let port: UInt16
        let isUDP: Bool
    }

    /// Envoy merges what comes twice; others do not.
    private var written: Set<Socket> = []

    /// Appends an endpoint; nothing for what has no numeric address, and what is reached at the same as another.
    mutating func append(_ leased: LeasedInstance, to body: inout [UInt8]) {
        let instance = leased.instance
        guard let address = InstanceAddress(instance), let ip = address.ip else { return }
        let isUDP = instance.endpointKind == .udp
        guard written.insert(Socket(host: address.host, port: address.port, isUDP: isUDP)).inserted else { return }
        body.append(literal: "{\"endpoint\":{\"address\":{\"socket_address\":{")
        if isUDP { body.append(literal: "\"protocol\":\"UDP\",") }
        body.append(literal: "\"address\":\"")
        body += ip.description.utf8
        body.append(literal: "\",\"port_value\":")
        body.appendJSON(UInt64(address.port))
        body.append(literal: "}}},\"health_status\":\"HEALTHY\",\"load_balancing_weight\":")
        body.appendJSON(UInt64(InstanceMetadata(instance).weight))
        body.append(literal: "}")
    }
}
