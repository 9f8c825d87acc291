// How an operator takes a member out of traffic and back (docs/rest-api.md, R676–R678): balancers see that it is not ready,
// and it goes on answering and replicating meanwhile.

import Catalog
import HTTP
import RegistryCore
import Replication
import Serving
import Telemetry
import Time

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
            guard parameter.value == call.registry.cluster.report?.status.member.description else { throw .otherMember }
        }
    }

    private static func note(_ what: String, _ call: borrowing Call) {
        call.registry.acts.note(what, by: call.actor, at: call.moment)
    }

    private static func response(_ call: borrowing Call) -> Response {
        let since = call.registry.lifecycle.drainedSince
        var json = JSONObject()
        json.add("draining", since != nil)
        json.add("since", since.map { time($0, call.monotonic, call.wallOfMillisecond) })
        return Response(.ok, contentType: .json, body: json.bytes)
    }

    /// RFC 3339, in UTC.
    private static func time(_ moment: MonotonicTime, _ now: MonotonicTime, _ wall: Int64) -> String {
        var timestamps = TimestampFormatter()
        var bytes: [UInt8] = []
        let nanoseconds = wall.addingSaturated(
            (moment.milliseconds - now.milliseconds).multipliedSaturated(by: 1_000_000))
        timestamps.append(nanoseconds: nanoseconds, digits: 3, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
