// States of another registry, which an operator brings here so that its clients can move while both serve
// (docs/rest-api.md, R635 and R636): they are merged by their versions, and answered when the store has them.

import Catalog
import Configuration
import HTTP
import RegistryCore
import Replication
import Serving
import Snapshot

enum StoreStates {
    static func put(_ call: borrowing Call) throws(Refused) -> Reply {
        let registry = call.registry
        guard registry.cluster.store != nil else { throw .noSuchResource }
        if let coding = call.request.head[.contentEncoding], !coding.equalsIgnoringCase("identity") {
            throw .encoded(coding: String(decoding: coding, as: UTF8.self))
        }
        guard registry.cluster.hasCopy else { throw .noCopyYet }
        guard !registry.standing.refusesChanges else { throw .storeAway }
        let (states, unusable) = StateParcel.states(in: call.request.body)
        guard !states.isEmpty else { throw .invalid("the body must be states as a snapshot has them") }
        let wall = call.moment.wall
        // It is on its way since milliseconds, by no clock that both registries have: leases are as old as it says.
        let terms = RestoreTerms(
            elapsed: 0, latest: RestoreTerms.latest(at: wall), now: HybridTime(nanoseconds: wall))
        let believed = states.compactMap { terms.read($0) }
        let done = registry.store.takeOver(believed, at: call.moment)
        let keys = done.instances.compactMap { place in
            believed[place].replica.id.map { StateKey(namespace: believed[place].namespace, id: $0) }
        }
        if done.taken > 0 { registry.acts.note("states taken over", by: call.actor, at: call.moment) }
        return try call.acknowledged(Response(.ok)).then(call) { (call, _) throws(Refused) in
            var full = 0
            for key in keys where call.registry.cluster.takeRefusal(of: key) { full += 1 }
            var json = JSONObject()
            json.add("states", states.count)
            json.add("taken", done.taken - full)
            json.add("renewed", done.renewed)
            json.add("full", full)
            json.add("unusable", unusable)
            return .now(Response(.ok, contentType: .json, body: json.bytes))
        }
    }
}
