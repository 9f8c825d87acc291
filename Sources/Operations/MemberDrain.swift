// How an operator takes a member out of traffic and back (docs/rest-api.md, R676–R678): balancers see that it is not ready,
// and it goes on answering and replicating meanwhile.

import Catalog
import HTTP
import RegistryCore
import Replication
import Serving

enum MemberDrain {
    static func set(_ call: borrowing Call) throws(Refused) -> Response {
        try checkMember(call)
        if call.registry.lifecycle.drain(at: call.monotonic) { note("member drained", call) }
        return response(call)
    }

    static func end(_ call: borrowing Call) throws(Refused) -> Response {
        try checkMember(call)
        if call.registry.lifecycle.endDrain() { note("member drain ended", call) }
        return response(call)
    }

    /// Who asks by way of a balancer says which member is meant (R679).
    private static func checkMember(_ call: borrowing Call) throws(Refused) {
        let parameters: [QueryParameter]
        do throws(Refusal) { parameters = try QueryParameter.parse(call.request.head.query) } catch {
            throw .malformed(error)
        }
        // Which namespace an operator acts in says nothing here.
        for parameter in parameters where parameter.name != "namespace" {
            guard parameter.name == "member" else {
                throw .invalid("the query parameter is member, the boot_id of one")
            }
            let cluster = call.registry.cluster
            guard parameter.value == cluster.report?.status.member.description ?? cluster.store?.member else {
                throw .otherMember
            }
        }
    }

    private static func note(_ what: String, _ call: borrowing Call) {
        call.registry.acts.note(what, by: call.actor, at: call.moment)
    }

    private static func response(_ call: borrowing Call) -> Response {
        let since = call.registry.lifecycle.drainedSince
        var json = JSONObject()
        json.add("draining", since != nil)
        json.add("since", since.map { JSONObject.time($0, call.monotonic, call.wallOfMillisecond) })
        return Response(.ok, contentType: .json, body: json.bytes)
    }
}
