// The sources that are read beside our own registrations (docs/rest-api.md, R686): how each stands, how much it has, and
// what is wrong with it. A tenant is shown what concerns its namespace, an operator everything.

import Catalog
import Configuration
import HTTP
import JSON
import RegistryCore
import Serving
import Telemetry
import Time

enum CatalogsPage {
    static func get(_ call: borrowing Call) throws(Refused) -> Response {
        var json = JSONObject()
        json.add("max_age_s", Int(call.registry.settings.catalogMaxAge.wholeMilliseconds / 1_000))
        let namespace = try call.tenant()
        let isWhole = call.registry.settings.authMode.isEmpty || call.isByOperator
        let sources = call.registry.sources?.report(in: namespace) ?? []
        json.add(
            "catalogs",
            JSONObject.array(sources.map { source($0.status, isWhole ? nil : $0.size, at: call.monotonic) }))
        return Response(.ok, contentType: .json, body: json.bytes)
    }

    /// - Parameter part: how much of it a tenant is shown; nil where all may be seen.
    private static func source(_ status: SourceStatus, _ part: NamespaceSize?, at now: MonotonicTime) -> [UInt8] {
        var json = JSONObject()
        json.add("name", status.kind.rawValue)
        json.add("state", status.state.rawValue)
        json.add("since", time(status.since))
        json.add("read", status.confirmed.map(time))
        json.add("age_ms", status.age(at: now).map { Int($0.wholeMilliseconds) })
        json.add("lag_ms", status.lag.map { Int($0.wholeMilliseconds) })
        if let part {
            json.add("services", part.services)
            json.add("instances", part.instances)
            // What is wrong with parts of a source may be another tenant's affair.
            guard status.state != .partial, status.state != .current else { return json.bytes }
            json.add("problems", JSONObject.array(status.problems.map { problem($0, showsPlace: false).bytes }))
            return json.bytes
        }
        json.add("namespaces", status.size.namespaces)
        json.add("services", status.size.services)
        json.add("instances", status.size.instances)
        json.add("changes", status.changes)
        json.add("failures", status.failures)
        json.add("problem_count", status.problemCount)
        json.add("problems", JSONObject.array(status.problems.map { problem($0, showsPlace: true).bytes }))
        if let (last, at) = status.lastProblem {
            var error = problem(last, showsPlace: true)
            error.add("at", time(at))
            json.add("last_error", error.bytes)
        }
        return json.bytes
    }

    private static func problem(_ problem: SourceProblem, showsPlace: Bool) -> JSONObject {
        var json = JSONObject()
        json.add("text", problem.sentence)
        if showsPlace { json.add("place", problem.place) }
        return json
    }

    /// RFC 3339, in UTC.
    private static func time(_ time: SourceTime) -> String {
        var timestamps = TimestampFormatter()
        var bytes: [UInt8] = []
        timestamps.append(nanoseconds: time.wall, digits: 3, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What `/uptime` says of each source (R687). A source that fails is no reason to take this registry for unwell:
    /// whoever restarts it for that loses the last good view.
    static func components(_ call: borrowing Call) -> [(name: String, json: [UInt8])] {
        let now = call.monotonic
        return (call.registry.sources?.report ?? []).map { status in
            var properties = JSONObject()
            properties.add("state", status.state.rawValue)
            properties.add("instances", status.size.instances)
            properties.add("age", status.age(at: now).map { Int($0.wholeMilliseconds / 1_000) })
            properties.add("lag_ms", status.lag.map { Int($0.wholeMilliseconds) })
            properties.add("error", status.problems.first?.sentence)
            var json = JSONObject()
            json.add("healthy", true)
            json.add("properties", properties.bytes)
            return ("CATALOG_\(status.kind.rawValue.uppercased())", json.bytes)
        }
    }
}
