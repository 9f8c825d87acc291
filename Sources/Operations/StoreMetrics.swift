// The store's numbers (docs/rest-api.md, R634). Servers and members come and go with their addresses, so they are counted
// and not named: `/api/v1/store` names them.

import Catalog
import RegistryCore
import Replication
import Serving
import Telemetry
import Time

enum StoreMetrics {
    static func append(_ context: ServerContext, at now: MonotonicTime, _ text: inout PrometheusText) {
        guard let status = context.registry.cluster.store else { return }
        text.gauge("a8registry_store_up", help: "1 while all of the store is followed and takes changes.") {
            $0.sample(status.isHealthy ? 1 : 0)
        }
        text.gauge("a8registry_store_servers", help: "Servers of the store, by whether they are connected.") { family in
            let connected = status.servers.count(where: \.isConnected)
            family.sample(connected, ["connected": "true"])
            family.sample(status.servers.count - connected, ["connected": "false"])
        }
        text.gauge("a8registry_store_members", help: "Members at the store, this one included.") {
            $0.sample(status.members.count)
        }
        text.gauge("a8registry_store_shards", help: "Shards of the store, by what this member does with them.") {
            family in
            let away = status.shards - status.following - status.reading - status.estranged
            for (state, count) in [
                ("following", status.following), ("reading", status.reading), ("undecided", status.estranged),
                ("away", away),
            ] { family.sample(count, ["state": state]) }
        }
        text.gauge("a8registry_store_age_seconds", help: "For how long something of the store has not been followed.") {
            $0.sample(status.awaySince.map { Double((now - $0).wholeMilliseconds) / 1_000 } ?? 0)
        }
        text.gauge(
            "a8registry_store_clock_offset_seconds",
            help: "By how much the store's clock is ahead of this machine's; 0 while they differ by less than 0.25 s."
        ) {
            $0.sample(Double(status.clockOffset) / 1_000)
        }
        counts(status.counts, &text)
    }

    private static func counts(_ counts: StoreCounts, _ text: inout PrometheusText) {
        text.counter("a8registry_store_puts_total", help: "States written to the store.") { $0.sample(counts.puts) }
        text.counter("a8registry_store_renewals_total", help: "Heartbeats passed on to the store.") {
            $0.sample(counts.renewals)
        }
        text.counter("a8registry_store_events_total", help: "Events of the store taken in.") {
            $0.sample(counts.events)
        }
        text.counter("a8registry_store_swept_total", help: "Leases in the store that this member's calls have ended.") {
            $0.sample(counts.swept)
        }
        text.counter("a8registry_store_scans_total", help: "How often a shard was read as a whole.") {
            $0.sample(counts.scans)
        }
        text.counter(
            "a8registry_store_rewritten_total", help: "States written again, because a server had lost them."
        ) { $0.sample(counts.rewritten) }
        text.counter(
            "a8registry_store_full_total",
            help: "Registrations that were taken back, because the store found their namespace full."
        ) { $0.sample(counts.full) }
        text.counter("a8registry_store_failures_total", help: "Commands that were refused, or not answered.") {
            $0.sample(counts.failures)
        }
    }
}
