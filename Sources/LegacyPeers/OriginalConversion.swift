// The conversion between an instance in messages of legacy peers and one in the catalog. This file alone knows both.

import Catalog
import Replication

extension OriginalInstance {
    private static let nanosecondsPerMillisecond: Int64 = 1_000_000

    /// The instance for the catalog. Throws when it has an endpoint of a kind that we do not know.
    func instance() throws(OriginalMessageError) -> Instance {
        guard let id = InstanceID(id[...]) else { throw .value(.id) }
        guard let kind = Endpoint.Kind(rawValue: endpointType) else { throw .value(.endpoint) }
        let (milliseconds, rest) = ttl.quotientAndRemainder(dividingBy: Self.nanosecondsPerMillisecond)
        return Instance(
            id: id, serviceName: Name(serviceName), endpoint: Endpoint(kind: kind, value: endpointValue),
            status: InstanceStatus(status),
            // A part of a millisecond counts as one, so that no lease is shorter than promised, but of the longest.
            ttl: min(rest == 0 ? milliseconds : milliseconds + 1, StateLimits.ttls.upperBound), tags: tags,
            metadata: metadata,
            extra: extra,
            registered: registered)
    }

    /// An instance of the catalog, as it is sent to legacy peers.
    init(_ instance: Instance, heartbeat: Heartbeat) {
        let (nanoseconds, overflow) = instance.ttl.multipliedReportingOverflow(by: Self.nanosecondsPerMillisecond)
        self.init(
            id: instance.id.utf8, serviceName: instance.serviceName.text, endpointType: instance.endpoint.kind.rawValue,
            endpointValue: instance.endpoint.value, status: instance.status.token, metadata: instance.metadata,
            registered: instance.registered, lastRenewal: heartbeat.wall, ttl: overflow ? .max : nanoseconds,
            tags: instance.tags,
            extra: instance.extra)
    }
}

extension Instance {
    /// Whether the two say the same of themselves, their statuses aside.
    func says(theSameAs other: Instance) -> Bool {
        serviceName == other.serviceName && endpoint == other.endpoint && ttl == other.ttl && tags == other.tags
            && metadata == other.metadata && extra == other.extra
    }
}
