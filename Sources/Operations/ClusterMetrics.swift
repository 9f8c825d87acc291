// The cluster's numbers. Members come and go with addresses of their own, so they are no labels but counted by state; how far one is behind is told by
// the worst. Who it is stands in `/api/v1/cluster`.

import RegistryCore
import Replication
import Serving
import Telemetry

enum ClusterMetrics {
    static func append(_ context: ServerContext, _ text: inout PrometheusText) {
        guard let report = context.registry.cluster.report else { return }
        let status = report.status
        text.gauge("a8registry_cluster_ready", help: "1 once this member has what the others have, or has given up waiting for it.") {
            $0.sample(status.isReady ? 1 : 0)
        }
        text.gauge("a8registry_cluster_size", help: "Members, this one included.") { $0.sample(status.size) }
        text.gauge("a8registry_cluster_expected_size", help: "How many members there should be.") { $0.sample(status.expectedSize ?? 1) }
        text.gauge("a8registry_cluster_members", help: "Addresses of members, by the state of the link to them.") { family in
            for state in PeerStatus.State.allCases {
                family.sample(status.peers.count { $0.state == state }, ["state": state.rawValue])
            }
        }
        lag(status, &text)
        text.gauge("a8registry_cluster_digests_differing", help: "Members whose last digest differed from ours.") {
            $0.sample(status.peers.count { $0.digestsAgree == false })
        }
        text.gauge("a8registry_cluster_clock_offset_seconds", help: "By how much the members' median clock is ahead of ours.") {
            $0.sample(Double(status.clockOffset) / 1_000)
        }
        text.gauge("a8registry_cluster_clock_corrected", help: "1 while this machine's clock is not believed.") {
            $0.sample(status.clockCorrection != 0 ? 1 : 0)
        }
        text.gauge("a8registry_cluster_leases_held", help: "1 while no lease runs out, after a pause of this member.") {
            $0.sample(status.holdsLeases ? 1 : 0)
        }
        text.gauge("a8registry_tombstones", help: "Deregistrations that are remembered.") {
            $0.sample(context.registry.store.counts.tombstones)
        }
        let tombstones = context.registry.store.tombstoneCounts
        text.gauge("a8registry_tombstone_bytes", help: "Bytes that they take.") { $0.sample(tombstones.bytes) }
        text.counter(
            "a8registry_tombstones_forgotten_total", help: "Deregistrations that were forgotten before their time, for want of room."
        ) { $0.sample(tombstones.forgotten) }
        counts(report.counts, &text)
        originals(report.originals.counts, &text)
    }

    private static func lag(_ status: ClusterStatus, _ text: inout PrometheusText) {
        let lags = status.peers.compactMap(\.lag)
        text.gauge("a8registry_replication_lag_changes", help: "Changes that the member most behind has not acknowledged.") {
            $0.sample(lags.map(\.changes).max() ?? 0)
        }
        text.gauge("a8registry_replication_lag_seconds", help: "How long the oldest change waits that a member has not acknowledged.") {
            $0.sample(Double(lags.map(\.milliseconds).max() ?? 0) / 1_000)
        }
        text.gauge("a8registry_replication_queued_bytes", help: "Bytes that wait for all members together.") {
            $0.sample(lags.reduce(0) { $0 + $1.queuedBytes })
        }
        text.gauge("a8registry_replication_overflowed_members", help: "Members whose queue ran over and that wait for a copy.") {
            $0.sample(lags.count(where: \.hasOverflowed))
        }
    }

    private static func counts(_ counts: ReplicationCounts, _ text: inout PrometheusText) {
        text.counter("a8registry_replication_changes_sent_total", help: "Changes told, each counted for each member.") {
            $0.sample(counts.changesSent)
        }
        text.counter("a8registry_replication_changes_received_total", help: "Changes heard.") {
            $0.sample(counts.changesReceived)
        }
        text.counter("a8registry_replication_bytes_sent_total", help: "Bytes told to members.") { $0.sample(counts.bytesSent) }
        text.counter("a8registry_replication_bytes_received_total", help: "Bytes heard from members.") { $0.sample(counts.bytesReceived) }
        text.counter("a8registry_replication_copies_sent_total", help: "Copies of everything that others completed from us.") {
            $0.sample(counts.copiesSent)
        }
        text.counter("a8registry_replication_copies_received_total", help: "Copies of everything that were completed from others.") {
            $0.sample(counts.copiesReceived)
        }
        text.counter("a8registry_replication_overflows_total", help: "How often a member's queue ran over.") {
            $0.sample(counts.overflows)
        }
        text.counter("a8registry_replication_repairs_total", help: "States that a comparison brought.") { $0.sample(counts.repairs) }
        text.counter("a8registry_replication_refusals_total", help: "Peers that could not prove who they are, or broke the protocol.") {
            $0.sample(counts.refusals)
        }
    }

    private static func originals(_ counts: OriginalCounts, _ text: inout PrometheusText) {
        text.counter("a8registry_originals_unusable_total", help: "Messages of members that run the original that could not be used.") {
            $0.sample(counts.unusable)
        }
        text.counter("a8registry_originals_repairs_asked_total", help: "Instances asked for of members that run the original.") {
            $0.sample(counts.repairsAsked)
        }
        text.counter("a8registry_originals_repairs_answered_total", help: "Instances that members that run the original asked for.") {
            $0.sample(counts.repairsAnswered)
        }
    }
}
