// What SIGUSR1 has the process write into its log: how much it holds, what it has done, and how it stands with the
// other members. For an operator who has nothing but the log and the process id. No name of a tenant or an instance is
// in it.

import Catalog
import Configuration
import Logging
import RegistryCore
import Replication
import Serving
import System
import Time

enum StatusReport {
    /// Writes one line about the process and one about each address of a member, whatever the level of the log.
    ///
    static func write(_ context: ServerContext, monotonic: MonotonicTime, _ logger: Logger) {
        // The line was requested, so the threshold does not apply.
        var logger = logger
        logger.logLevel = .info
        logger.info("status", metadata: process(context, monotonic: monotonic))
        guard let report = context.registry.cluster.report else { return }
        logger.info("cluster", metadata: cluster(report.status))
        for peer in report.status.peers { logger.info("link", metadata: link(peer)) }
    }

    static func process(_ context: ServerContext, monotonic: MonotonicTime) -> Logger.Metadata {
        let counts = context.registry.store.counts
        let changes = context.registry.changes
        var metadata: Logger.Metadata = [
            "version": "\(Release.current)", "state": "\(context.registry.lifecycle.state)",
            "ready": "\(context.registry.cluster.hasCopy)",
            "uptime":
                "\(GoDuration(nanoseconds: monotonic.nanoseconds(since: context.registry.started) / 1_000_000_000 * 1_000_000_000))",
            "instances": "\(counts.instances)", "services": "\(counts.services)", "namespaces": "\(counts.namespaces)",
            "tombstones": "\(counts.tombstones)", "registrations": "\(changes.registered)",
            "renewals": "\(changes.renewed)",
            "deregistrations": "\(changes.deregistered)", "expirations": "\(changes.expired)",
            "leases_held": "\(!context.registry.expiryHold.holds.isEmpty)",
            "connections": "\(context.openConnections())",
            "requests": "\(context.loopMetrics.reduce(0) { $0 + $1.requestCounts.total })",
            "loop_lag_us": "\(context.loopMetrics.map(\.lagMicroseconds).max() ?? 0)",
            "rendered_bytes": "\(context.loopMetrics.reduce(0) { $0 + $1.rendered.heldBytes })",
            "dropped_lines": "\(context.droppedLogLines())",
        ]
        if let figures = ProcessFigures.read() {
            metadata["cpu_seconds"] = "\(figures.processorSeconds)"
            metadata["resident_bytes"] = "\(figures.residentBytes)"
            metadata["descriptors"] = "\(figures.openDescriptors)"
            metadata["threads"] = "\(figures.threads)"
        }
        return metadata
    }

    private static func cluster(_ status: ClusterStatus) -> Logger.Metadata {
        [
            "member": "\(status.member)", "name": "\(status.name)", "address": "\(status.address)",
            "ready": "\(status.isReady)",
            "size": "\(status.size)", "clock_offset_ms": "\(status.clockOffset)",
            "clock_corrected": "\(status.clockCorrection != 0)",
        ]
    }

    private static func link(_ peer: PeerStatus) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "address": "\(peer.address)", "state": "\(peer.state.rawValue)", "ready": "\(peer.isReady)",
            "failures": "\(peer.failures)",
        ]
        if let name = peer.name { metadata["name"] = "\(name)" }
        if let member = peer.member { metadata["member"] = "\(member)" }
        if let lag = peer.lag {
            metadata["behind_changes"] = "\(lag.changes)"
            metadata["behind_ms"] = "\(lag.milliseconds)"
            metadata["queued_bytes"] = "\(lag.queuedBytes)"
        }
        if let agree = peer.digestsAgree { metadata["digests_agree"] = "\(agree)" }
        return metadata
    }
}
