// The numbers of the sources that are read beside our own registrations (docs/rest-api.md, R688).

import Catalog
import RegistryCore
import Serving
import Telemetry
import Time

enum CatalogMetrics {
    static func append(_ context: ServerContext, at now: MonotonicTime, _ text: inout PrometheusText) {
        guard let statuses = context.registry.sources?.report else { return }
        func each(_ family: inout PrometheusText.Numbers, _ number: (SourceStatus) -> Int?) {
            for status in statuses {
                if let number = number(status) { family.sample(number, ["source": status.kind.rawValue]) }
            }
        }
        text.gauge("a8registry_catalog_instances", help: "Instances that a source has.") { family in
            each(&family) { $0.size.instances }
        }
        text.gauge("a8registry_catalog_services", help: "Services that a source has.") { family in
            each(&family) { $0.size.services }
        }
        text.gauge("a8registry_catalog_state", help: "1 for the state that a source is in.") { family in
            for status in statuses {
                for state in SourceStatus.State.allCases {
                    family.sample(
                        state == status.state ? 1 : 0, ["source": status.kind.rawValue, "state": state.rawValue])
                }
            }
        }
        text.gauge("a8registry_catalog_age_seconds", help: "Since when a source has not been read.") { family in
            for status in statuses {
                guard let age = status.age(at: now) else { continue }
                family.sample(Double(age.wholeMilliseconds) / 1_000, ["source": status.kind.rawValue])
            }
        }
        text.gauge("a8registry_catalog_lag_seconds", help: "How long a source's latest change took to be shown here.") {
            family in
            for status in statuses {
                guard let lag = status.lag else { continue }
                family.sample(Double(lag.wholeMilliseconds) / 1_000, ["source": status.kind.rawValue])
            }
        }
        text.gauge("a8registry_catalog_problems", help: "Parts of a source that cannot be used.") { family in
            each(&family) { $0.problemCount }
        }
        text.counter("a8registry_catalog_failures_total", help: "How often a source could not be read.") { family in
            each(&family) { $0.failures }
        }
        text.counter("a8registry_catalog_changes_total", help: "How often something of a source has changed.") {
            family in
            each(&family) { $0.changes }
        }
    }
}
