// The numbers of the limits on connections and requests.

import Catalog
import Libevent
import RegistryCore
import Serving
import Telemetry

enum LimitMetrics {
    static func append(_ context: ServerContext, showsNamespaces: Bool, _ text: inout PrometheusText) {
        let tally = context.connectionLimits.tally()
        text.counter(
            "a8registry_connections_refused_total",
            help: "Connections that were refused at a limit, by limit."
        ) { family in
            for event in LimitEvent.allCases where event.isRefusal {
                family.sample(tally[event.rawValue].count, ["reason": event.name])
            }
        }
        text.counter("a8registry_connections_closed_total", help: "Connections that were closed at a limit, by limit.")
        { family in
            for event in LimitEvent.allCases where !event.isRefusal {
                family.sample(tally[event.rawValue].count, ["reason": event.name])
            }
        }
        text.gauge("a8registry_max_connections", help: "The most connections that may be open.") {
            $0.sample(context.connectionLimits.rules.connections)
        }
        text.gauge("a8registry_waiting_answer_bytes", help: "Bytes of answers that wait for clients to read them.") {
            $0.sample(context.connectionLimits.waitingBytes)
        }
        text.counter("a8registry_rate_limited_total", help: "Requests answered 429, by the limit that was exceeded.") {
            family in
            for limit in RateLimits.Limit.allCases {
                family.sample(context.registry.rateLimits.refused(limit), ["limit": limit.name])
            }
        }
        quotas(context.registry.quotas, showsNamespaces: showsNamespaces, &text)
    }

    /// - Parameter showsNamespaces: whether their names may be told to whoever asks.
    private static func quotas(_ quotas: QuotaBoard, showsNamespaces: Bool, _ text: inout PrometheusText) {
        text.counter(
            "a8registry_quota_refused_total",
            help: "Requests that were refused at a limit of their namespace, by limit."
        ) { family in
            for kind in QuotaUse.Kind.allCases { family.sample(quotas.refusals(kind), ["quota": kind.rawValue]) }
        }
        guard showsNamespaces, quotas.isOn else { return }
        text.gauge(
            "a8registry_quota_used_ratio",
            help: "Which part of its quota a namespace uses: of the ten that are nearest to theirs."
        ) { family in
            for near in quotas.nearest {
                family.sample(near.share, ["namespace": near.namespace.name, "quota": near.kind.rawValue])
            }
        }
    }
}
