// The cluster as this member sees it (docs/rest-api.md, R620 and following): members, links, how far each is behind,
// and whether all hold the same.

import Catalog
import HTTP
import JSON
import RegistryCore
import Replication
import ReplicationServer
import Serving
import Text
import Time

enum ClusterPage {
    static func get(_ call: borrowing Call) throws(Refused) -> Response {
        let isDrained = call.registry.lifecycle.drainedSince != nil
        guard let report = call.context.registry.cluster.report else {
            return Response(.ok, contentType: .json, body: alone(call.registry.cluster.store, isDrained: isDrained))
        }
        return Response(
            .ok, contentType: .json,
            body: body(
                report, at: call.monotonic, wall: call.wallOfMillisecond, showsInternals: call.showsInternals,
                isDrained: isDrained))
    }

    /// Of a registry without members that it copies from: alone, or beside others at one store.
    private static func alone(_ store: StoreStatus?, isDrained: Bool) -> [UInt8] {
        var json = JSONObject()
        json.add("replication", false)
        if let store {
            json.add("store", StorePage.kind)
            json.add("boot_id", store.member)
        }
        json.add("ready", !isDrained)
        json.add("not_ready_because", isDrained ? "\(ReadinessPage.drained)" : nil)
        json.add("size", max(store?.members.count ?? 1, 1))
        json.add("members", JSONObject.array([]))
        return json.bytes
    }

    /// - Parameters:
    ///   - wall: in nanoseconds since 1970, when the millisecond of `now` began.
    ///   - showsInternals: whether addresses and errors are for whoever asks (R526).
    ///   - isDrained: whether an operator has drained this member (R676).
    static func body(
        _ report: ClusterReport, at now: MonotonicTime, wall: Int64, showsInternals: Bool = true,
        isDrained: Bool = false
    ) -> [UInt8] {
        let status = report.status
        var json = JSONObject()
        json.add("replication", true)
        if showsInternals { json.add("address", status.address.description) }
        json.add("name", status.name)
        json.add("boot_id", status.member.description)
        let isReady = status.readiness.isReady && !isDrained
        json.add("ready", status.isReady && isReady)
        json.add("ready_because", isReady ? status.ground.map(words) : nil)
        json.add(
            "not_ready_because",
            isDrained ? "\(ReadinessPage.drained)" : status.readiness.hold.map { "\(ReadinessPage.words($0))" })
        json.add("refused_because", status.refusal.map(words))
        json.add("size", status.size)
        json.add("expected_size", status.expectedSize)
        json.add("digest", status.digestRoot.hexadecimal)
        json.add("clock_offset_ms", Int(status.clockOffset))
        json.add("clock_correction_ms", Int(status.clockCorrection))
        json.add("leases_held", status.holdsLeases)
        let originals = Dictionary(report.originals.members.map { ($0.address, $0) }) { first, _ in first }
        json.add(
            "members",
            JSONObject.array(
                status.peers.map { member($0, originals[$0.address], now, wall, showsInternals) }))
        if showsInternals, !status.conflicts.isEmpty {
            json.add("conflicts", JSONObject.array(status.conflicts.map(conflict)))
        }
        json.add("counts", counts(report.counts))
        return json.bytes
    }

    private static func member(
        _ peer: PeerStatus, _ original: LegacyPeerStatus?, _ now: MonotonicTime, _ wall: Int64, _ showsInternals: Bool
    ) -> [UInt8] {
        var json = JSONObject()
        if showsInternals { json.add("address", peer.address.description) }
        json.add("name", peer.name)
        json.add("boot_id", peer.member?.description)
        json.add("state", peer.state.rawValue)
        json.add("protocol", peer.version.map { Int($0) })
        json.add("since", peer.since.map { JSONObject.time($0, now, wall) })
        json.add("ready", peer.isReady && !peer.isDrained)
        if peer.isDrained { json.add("draining", true) }
        json.add("clock_offset_ms", peer.clockOffset.map { Int($0) })
        json.add("failed_dials", peer.failures)
        json.add("refused_because", peer.refusal.map(words))
        if showsInternals, let (at, fault) = peer.fault {
            var error = JSONObject()
            error.add("age_ms", Int(max(now.milliseconds - at.milliseconds, 0)))
            error.add("text", fault.words)
            json.add("last_error", error.bytes)
        }
        if let copy = peer.lastCopy {
            json.add("last_copy", lastCopy(age: now - copy.at, states: copy.count, took: copy.duration))
        } else if let copy = original?.lastCopy {
            json.add("last_copy", lastCopy(age: now - copy.at, states: copy.count, took: nil))
        }
        json.add("digests_agree", peer.digestsAgree)
        if let lag = peer.lag {
            var sent = JSONObject()
            sent.add("lag_changes", lag.changes)
            sent.add("lag_ms", Int(lag.milliseconds))
            sent.add("queued_bytes", lag.queuedBytes)
            sent.add("overflowed", lag.hasOverflowed)
            sent.add("copying", lag.isCopying)
            json.add("reads_from_us", sent.bytes)
        } else if let original, original.reads {
            var sent = JSONObject()
            sent.add("queued_bytes", original.queuedBytes)
            sent.add("overflowed", original.hasOverflowed)
            json.add("reads_from_us", sent.bytes)
        }
        return json.bytes
    }

    private static func conflict(_ conflict: MemberConflict) -> [UInt8] {
        var json = JSONObject()
        json.add("kind", conflict.kind.rawValue)
        json.add("value", conflict.value)
        json.add("members", JSONObject.array(conflict.addresses.map { jsonText($0.description) }))
        return json.bytes
    }

    private static func jsonText(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendJSON(string: text)
        return bytes
    }

    private static func lastCopy(age: Duration, states: Int, took: Duration?) -> [UInt8] {
        var json = JSONObject()
        json.add("age_ms", Int(max(age, .zero).wholeMilliseconds))
        json.add("states", states)
        json.add("took_ms", took.map { Int($0.wholeMilliseconds) })
        return json.bytes
    }

    private static func counts(_ counts: ReplicationCounts) -> [UInt8] {
        var json = JSONObject()
        json.add("changes_sent", counts.changesSent)
        json.add("changes_received", counts.changesReceived)
        json.add("copies_sent", counts.copiesSent)
        json.add("copies_received", counts.copiesReceived)
        json.add("overflows", counts.overflows)
        json.add("repairs", counts.repairs)
        json.add("refusals", counts.refusals)
        return json.bytes
    }

    private static func words(_ refusal: RefusalReason) -> String {
        switch refusal {
        case .version: "version"
        case .secret: "secret"
        case .certificate: "certificate"
        case .full: "full"
        }
    }

    private static func words(_ ground: ReadinessGround) -> String {
        switch ground {
        case .copied: "copied"
        case .startedTogether: "started_together"
        case .alone: "alone"
        case .timeout(peersAnswered: true): "timeout"
        case .timeout(peersAnswered: false): "timeout_without_peers"
        }
    }
}
