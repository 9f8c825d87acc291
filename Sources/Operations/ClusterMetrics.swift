// The cluster's numbers. Members come and go with their addresses, so addresses are not labels: members are counted by
// state, and the lag is that of the slowest. `/api/v1/cluster` names it.

import Catalog
import RegistryCore
import Replication
import Serving
import Telemetry

enum ClusterMetrics {
    static func append(_ context: ServerContext, _ text: inout PrometheusText) {
        guard let report = context.registry.cluster.report else { return }
        let status = report.status
        text.gauge(
            "a8registry_cluster_ready",
            help: "1 once this member has what the other members have, or has stopped waiting for it."
        ) {
            $0.sample(status.isReady ? 1 : 0)
        }
        text.gauge("a8registry_cluster_size", help: "Members, this one included.") { $0.sample(status.size) }
        text.gauge("a8registry_cluster_expected_size", help: "The number of members that make a healthy cluster.") {
            $0.sample(status.expectedSize ?? 1)
        }
        text.gauge("a8registry_cluster_members", help: "Addresses of members, by the state of the link to them.") {
            family in
            for state in PeerStatus.State.allCases {
                family.sample(status.peers.count { $0.state == state }, ["state": state.rawValue])
            }
        }
        lag(status, &text)
        text.gauge(
            "a8registry_cluster_digests_differing",
            help: "Members whose last digest differed from this member's."
        ) {
            $0.sample(status.peers.count { $0.digestsAgree == false })
        }
        text.gauge(
            "a8registry_cluster_clock_offset_seconds",
            help: "By how much the median clock of the members is ahead of this member's."
        ) {
            $0.sample(Double(status.clockOffset) / 1_000)
        }
        text.gauge(
            "a8registry_cluster_clock_corrected",
            help: "1 while this machine's clock is not used, because it differs from the other members'."
        ) {
            $0.sample(status.clockCorrection != 0 ? 1 : 0)
        }
        text.gauge("a8registry_cluster_leases_held", help: "1 while leases are held after a pause of this member.") {
            $0.sample(status.holdsLeases ? 1 : 0)
        }
        text.gauge("a8registry_tombstones", help: "Tombstones of deregistrations that are kept.") {
            $0.sample(context.registry.store.counts.tombstones)
        }
        let tombstones = context.registry.store.tombstoneCounts
        text.gauge("a8registry_tombstone_bytes", help: "Bytes that tombstones take.") { $0.sample(tombstones.bytes) }
        text.counter(
            "a8registry_tombstones_forgotten_total",
            help: "Tombstones that were dropped before their time, because their limit in bytes was reached."
        ) { $0.sample(tombstones.forgotten) }
        counts(report.counts, &text)
        originals(report.originals.counts, &text)
    }

    private static func lag(_ status: ClusterStatus, _ text: inout PrometheusText) {
        let lags = status.peers.compactMap(\.lag)
        text.gauge("a8registry_replication_lag_changes", help: "Changes that the slowest member has not acknowledged.")
        {
            $0.sample(lags.map(\.changes).max() ?? 0)
        }
        text.gauge(
            "a8registry_replication_lag_seconds",
            help: "How long the oldest change has waited for a member's acknowledgment."
        ) {
            $0.sample(Double(lags.map(\.milliseconds).max() ?? 0) / 1_000)
        }
        text.gauge("a8registry_replication_queued_bytes", help: "Bytes that wait to be sent, to all members together.")
        {
            $0.sample(lags.reduce(0) { $0 + $1.queuedBytes })
        }
        text.gauge(
            "a8registry_replication_overflowed_members",
            help: "Members whose queue overflowed and that wait for a full copy."
        ) {
            $0.sample(lags.count(where: \.hasOverflowed))
        }
    }

    private static func counts(_ counts: ReplicationCounts, _ text: inout PrometheusText) {
        text.counter(
            "a8registry_replication_changes_sent_total",
            help: "Changes published, counted once for each member."
        ) {
            $0.sample(counts.changesSent)
        }
        text.counter("a8registry_replication_changes_received_total", help: "Changes received from members.") {
            $0.sample(counts.changesReceived)
        }
        text.counter("a8registry_replication_bytes_sent_total", help: "Bytes sent to members.") {
            $0.sample(counts.bytesSent)
        }
        text.counter("a8registry_replication_bytes_received_total", help: "Bytes received from members.") {
            $0.sample(counts.bytesReceived)
        }
        text.counter(
            "a8registry_replication_copies_sent_total",
            help: "Full copies that other members completed from this one."
        ) {
            $0.sample(counts.copiesSent)
        }
        text.counter(
            "a8registry_replication_copies_received_total",
            help: "Full copies that this member completed from others."
        ) {
            $0.sample(counts.copiesReceived)
        }
        text.counter("a8registry_replication_overflows_total", help: "How often the queue of a member overflowed.") {
            $0.sample(counts.overflows)
        }
        text.counter("a8registry_replication_repairs_total", help: "States received to repair a difference.") {
            $0.sample(counts.repairs)
        }
        text.counter(
            "a8registry_replication_refusals_total",
            help: "Peers that failed to authenticate or broke the protocol."
        ) {
            $0.sample(counts.refusals)
        }
    }

    private static func originals(_ counts: LegacyCounts, _ text: inout PrometheusText) {
        text.counter("a8registry_originals_unusable_total", help: "Messages of legacy peers that could not be used.") {
            $0.sample(counts.unusable)
        }
        text.counter("a8registry_originals_repairs_asked_total", help: "Instances copied from legacy peers.") {
            $0.sample(counts.repairsAsked)
        }
        text.counter(
            "a8registry_originals_repairs_answered_total",
            help: "Instances that legacy peers copied from this member."
        ) {
            $0.sample(counts.repairsAnswered)
        }
    }
}
