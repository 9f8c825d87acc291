// The metrics of DNS, while it is on.

import RegistryCore
import Telemetry

enum DNSMetrics {
    static func append(_ figures: DNSFigures, _ text: inout PrometheusText) {
        text.counter("a8registry_dns_queries_total", help: "Queries answered by DNS, by transport and code.") {
            family in
            for entry in figures.queries {
                family.sample(entry.count, ["transport": entry.transport, "code": entry.code])
            }
        }
        text.counter(
            "a8registry_dns_truncated_total", help: "Answers by UDP that left out records and told the client so."
        ) { $0.sample(figures.truncated) }
        text.counter(
            "a8registry_dns_limited_total",
            help: "Answers by UDP without records, because the client's network was over DNS_RATE_LIMIT."
        ) { $0.sample(figures.limited) }
        text.counter(
            "a8registry_dns_cut_total", help: "Answers by TCP that left out records, because no message holds them."
        ) { $0.sample(figures.cut) }
        text.counter(
            "a8registry_dns_ignored_total", help: "Messages that were not answered, because they are no queries."
        ) { $0.sample(figures.ignored) }
        text.gauge("a8registry_dns_connections", help: "Connections of DNS by TCP.") { $0.sample(figures.connections) }
    }
}
