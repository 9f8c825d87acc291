// Whether the process lives, is ready, and is well.

import Catalog
import Configuration
import HTTP
import JSON
import RegistryCore
import Replication
import Serving
import Time

enum HealthPages {
    static func livez(_ call: borrowing Call) throws(Refused) -> Response { status(.ok, "alive") }

    static func readyz(_ call: borrowing Call) throws(Refused) -> Response {
        ReadinessPage(call.context, at: call.monotonic).response(
            monotonic: call.monotonic, wall: call.wallOfMillisecond)
    }

    private static func status(_ status: HTTP.Status, _ word: StaticString) -> Response {
        var body: [UInt8] = []
        body.append(literal: "{\"status\":\"")
        body.append(literal: word)
        body.append(literal: "\"}")
        return Response(status, contentType: .json, body: body)
    }

    /// The report of R603: every component that this member has.
    static func uptime(_ call: borrowing Call) throws(Refused) -> Response {
        let wholeSeconds =
            call.monotonic.nanoseconds(since: call.context.registry.started) / 1_000_000_000 * 1_000_000_000
        let components =
            call.context.registry.cluster.components
            + [expiry(call), drain(call), snapshot(call)].compactMap(\.self)
        var body: [UInt8] = []
        body.append(literal: "{\"UPTIME\":{\"healthy\":true,\"properties\":{\"uptime\":")
        body.appendJSON(string: GoDuration(nanoseconds: wholeSeconds).description)
        body.append(literal: "}}")
        for component in components { append(component, to: &body) }
        for (name, json) in CatalogsPage.components(call) {
            body.append(literal: ",")
            body.appendJSON(string: name)
            body.append(literal: ":")
            body += json
        }
        body.append(literal: "}")
        let isHealthy = components.allSatisfy(\.isHealthy)
        return Response(isHealthy ? .ok : .serviceUnavailable, contentType: .json, body: body)
    }

    /// What holds leases, for how many seconds it has, and for how many it may go on (R662); nil when nothing does.
    private static func expiry(_ call: borrowing Call) -> ComponentHealth? {
        let holds = call.context.registry.expiryHold.holds
        guard !holds.isEmpty else { return nil }
        let now = call.monotonic.milliseconds
        var properties = holds.map {
            (name: $0.cause.rawValue, value: Int(max(0, now - $0.since.milliseconds) / 1_000))
        }
        properties.append(("remaining", Int(max(0, (holds.map(\.until.milliseconds).max() ?? now) - now) / 1_000)))
        properties.append(("overdue", call.context.registry.store.counts.overdue))
        // Held leases are how a member stays of use while something else is amiss, which shows by itself.
        return ComponentHealth(name: "EXPIRY", isHealthy: true, properties: properties)
    }

    /// For how many seconds an operator has kept traffic away (R677); nil when none does.
    private static func drain(_ call: borrowing Call) -> ComponentHealth? {
        guard let since = call.registry.lifecycle.drainedSince else { return nil }
        let seconds = Int(max(0, call.monotonic.milliseconds - since.milliseconds) / 1_000)
        // It is as well as before, and must not be restarted for it.
        return ComponentHealth(name: "DRAIN", isHealthy: true, properties: [("seconds", seconds)])
    }

    /// How old the file is in which what is registered is kept, and how it was written (S401); nil without one.
    private static func snapshot(_ call: borrowing Call) -> ComponentHealth? {
        guard let status = call.context.snapshots else { return nil }
        let figures = status.figures
        // A registry whose disk is full serves as well as another.
        return ComponentHealth(
            name: "SNAPSHOT", isHealthy: true,
            properties: [
                ("age", Int(status.age(at: call.monotonic))), ("bytes", figures.bytes),
                ("duration_ms", Int(figures.duration.wholeMilliseconds)), ("written", Int(figures.writes)),
                ("failures", Int(figures.failures)), ("refused", Int(figures.refused)),
                ("restored", figures.restored),
            ])
    }

    private static func append(_ component: ComponentHealth, to body: inout [UInt8]) {
        body.append(literal: ",")
        body.appendJSON(string: component.name)
        body.append(literal: ":{\"healthy\":")
        body.appendJSON(component.isHealthy)
        if !component.properties.isEmpty {
            body.append(literal: ",\"properties\":{")
            for (index, property) in component.properties.enumerated() {
                if index > 0 { body.append(literal: ",") }
                body.appendJSON(string: property.name)
                body.append(literal: ":")
                body.appendJSON(property.value)
            }
            body.append(literal: "}")
        }
        body.append(literal: "}")
    }
}
