// The numbers of the file in which what is registered is kept (docs/snapshot.md, S402).

import RegistryCore
import Telemetry
import Time

enum SnapshotMetrics {
    static func append(_ status: SnapshotStatus, at now: MonotonicTime, _ text: inout PrometheusText) {
        let figures = status.figures
        text.gauge(
            "a8registry_snapshot_age_seconds",
            help: "How old what SNAPSHOT_FILE has is: the time since it was begun, or since the start without one."
        ) { $0.sample(status.age(at: now)) }
        text.gauge("a8registry_snapshot_duration_seconds", help: "How long it took to write SNAPSHOT_FILE.") {
            $0.sample(Double(figures.duration.wholeMilliseconds) / 1_000)
        }
        text.gauge("a8registry_snapshot_bytes", help: "The size of SNAPSHOT_FILE.") { $0.sample(figures.bytes) }
        text.gauge("a8registry_snapshot_states", help: "Instances, tombstones and overrides in SNAPSHOT_FILE.") {
            $0.sample(figures.states)
        }
        text.counter("a8registry_snapshots_total", help: "How often SNAPSHOT_FILE was written.") {
            $0.sample(figures.writes)
        }
        text.counter(
            "a8registry_snapshot_failures_total",
            help: "How often SNAPSHOT_FILE could not be written, so that the last one stayed."
        ) { $0.sample(figures.failures) }
        text.gauge(
            "a8registry_snapshot_refused",
            help: "1 when the start found a SNAPSHOT_FILE that could not be used, and put it aside."
        ) { $0.sample(figures.refused) }
        text.gauge("a8registry_snapshot_restored_instances", help: "Instances that the start has from SNAPSHOT_FILE.") {
            $0.sample(figures.restored)
        }
    }
}
