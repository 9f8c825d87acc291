// The operator's word on an instance's status, and metadata beside what its client registered (docs/eureka.md, E5xx).

import Catalog
import HTTP
import RegistryCore
import Replication
import Serving

enum EurekaStatusHandlers {
    static func set(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        guard let value = try call.eurekaQuery().first(where: { $0.name == "value" })?.value,
            EurekaStatus.isKnown(Array(value.utf8)[...])
        else { throw .invalid("value must be UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN") }
        return try override(call, first, .set(InstanceStatus(value), until: nil))
    }

    static func remove(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        try override(call, first, .remove)
    }

    private static func override(_ call: borrowing Call, _ first: Int, _ order: OverrideOrder) throws(Refused)
        -> Reply
    {
        let id = try call.eurekaID(first)
        if let reply = try override(id, order, call) { return reply }
        guard call.registry.cluster.hasCopy else { throw .noCopyYet }
        return try call.askOthers([id]) { call, isSure throws(Refused) in
            if let reply = try override(id, order, call) { return reply }
            throw isSure ? .noSuchInstance : .notSure
        }
    }

    private static func override(_ id: InstanceID, _ order: OverrideOrder, _ call: borrowing Call) throws(Refused)
        -> Reply?
    {
        switch call.registry.override(
            id, in: try call.tenant(), order, at: call.moment, by: call.actor, isRelayed: !call.isEurekaReplica)
        {
        case .done: call.acknowledged(Response(.ok))
        case .unknown: nil
        case .full: throw .tooManyOverrides
        }
    }

    /// Adds to the metadata, and is a registration of the same: its lease begins anew.
    static func setMetadata(_ call: borrowing Call, _ first: Int) throws(Refused) -> Reply {
        let id = try call.eurekaID(first)
        let pairs = try call.eurekaQuery().map { Pair(key: Array($0.name.utf8)[...], value: Array($0.value.utf8)[...]) }
        guard let held = call.registry.lookup.instance(id, in: try call.tenant(), at: call.moment.lease) else {
            guard call.registry.cluster.hasCopy else { throw .noCopyYet }
            throw .noSuchInstance
        }
        guard let extra = held.instance.extra, var said = EurekaExtra.instance(in: extra) else {
            throw .invalid("the instance was not registered by a client of Eureka")
        }
        said.mergeMetadata(pairs)
        said[.status] = Array((held.registeredStatus ?? held.instance.status).token.utf8)[...]
        _ = try EurekaHandlers.register(
            said, app: held.instance.serviceNameUTF8, isReplica: call.isEurekaReplica, call)
        return call.acknowledged(Response(.ok))
    }
}
