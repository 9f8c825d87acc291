// What an answer says beyond this member: a change is acknowledged when the other members have it, an id is said to be
// unknown only when no other member can know of it, and to be registered only when no other can have removed it
// (docs/rest-api.md, R270 to R274 and R621).

package import Catalog
package import HTTP
import RegistryCore
import Replication

extension Call {
    /// Answers a change that was carried out: when the members that count have it, or have been waited for long enough
    /// (R270). Where a store has the changes of all members, when it has this one; else nobody knows (docs/redis.md, D202).
    ///
    /// - Parameter id: the instance that was registered, for which its namespace may be full after all (D203).
    package borrowing func acknowledged(_ response: consuming Response, registering id: InstanceID? = nil) -> Reply {
        guard registry.standing.waits else { return .now(response) }
        let response = response
        return .later(
            Waiting(for: .acknowledgments) { call, wake throws(Refused) in
                guard call.registry.standing.isStrict else { return .now(response) }
                guard wake == .come else { throw .outcomeUnknown }
                if let id, let namespace = call.namespace,
                    call.registry.cluster.takeRefusal(of: StateKey(namespace: namespace, id: id))
                {
                    throw .namespaceFull(call.registry.fullness(of: namespace))
                }
                return .now(response)
            })
    }

    /// Renews a lease for a client; returns whether its instance is there. Throws `Refused.noCopyYet` where the lease was
    /// renewed, but others may have acknowledged that the instance is removed (R621).
    package borrowing func renew(_ id: InstanceID, in namespace: Namespace, isRelayed: Bool = true) throws(Refused)
        -> Bool
    {
        let wasCatchingUp = registry.standing.isCatchingUp
        guard registry.renew(id, in: namespace, at: moment, isRelayed: isRelayed) else { return false }
        guard !wasCatchingUp, !registry.standing.isCatchingUp else { throw .noCopyYet }
        return true
    }

    /// For ids that are unknown here: has `answer` look again when the other members have been asked. Where none of
    /// them can know more, and where no answer would be sure, that is at once.
    package borrowing func askOthers(
        _ ids: [InstanceID], _ answer: @escaping (_ call: borrowing Call, _ isSure: Bool) throws(Refused) -> Reply
    ) throws(Refused) -> Reply {
        let namespace = try tenant()
        guard !registry.isBehind(in: namespace, at: monotonic) else { return try answer(self, false) }
        guard registry.standing.mayBeUnderWay else { return try answer(self, true) }
        let keys = ids.map { StateKey(namespace: namespace, id: $0) }
        return .later(
            Waiting(for: .questions(keys)) { call, wake throws(Refused) in
                try answer(call, wake == .come && !call.registry.isBehind(in: namespace, at: call.monotonic))
            })
    }
}
