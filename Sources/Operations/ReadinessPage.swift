// Whether a balancer should send requests here, and what an operator must know when it should not: why, since when, and
// until when at the latest.

import Catalog
import Configuration
import HTTP
import JSON
import RegistryCore
import Replication
import Serving
import Telemetry
import Time

/// What `/readyz` answers (R606, R650 and R651).
struct ReadinessPage {
    let isReady: Bool
    let word: StaticString
    let reason: StaticString
    let since: MonotonicTime
    /// Nil when no time ends it.
    let until: MonotonicTime?

    init(_ context: ServerContext, at now: MonotonicTime) {
        let (lifecycle, cluster) = (context.registry.lifecycle, context.registry.cluster)
        let readiness = cluster.readiness
        switch lifecycle.state {
        case .starting: self.init("starting", "event loops", since: lifecycle.since)
        case .draining: self.init("draining", "stopping", since: lifecycle.since)
        case .leaving: self.init("draining", "leaving the cluster", since: lifecycle.since)
        case .ready:
            if let since = lifecycle.drainedSince {
                self.init("draining", Self.drained, since: since)
            } else if context.snapshots?.figures.isRestoring ?? false {
                self.init("starting", "restoring", since: lifecycle.since)
            } else if let readiness, let hold = readiness.hold {
                self.init("starting", Self.words(hold), since: readiness.since, until: readiness.until)
            } else if !cluster.hasCopy {
                self.init("starting", "copying", since: lifecycle.since)
            } else if let wait = context.registry.awaitsKeys(at: now) {
                self.init("starting", "keys", since: wait.since, until: wait.until)
            } else if context.settings.clusterSizeRequired, !cluster.isLargeEnough {
                self.init("alone", "cluster size", since: cluster.sizeChangedAt)
            } else if context.settings.clusterSizeRequired,
                let cut = context.registry.expiryHold.holds.first(where: { $0.cause == .cutOff })
            {
                self.init("alone", "cut off", since: cut.since)
            } else {
                self.init(
                    "ready", readiness?.ground.map(Self.words) ?? "no cluster",
                    since: max(readiness?.since ?? .zero, lifecycle.since),
                    isReady: true)
            }
        }
    }

    private init(
        _ word: StaticString, _ reason: StaticString, since: MonotonicTime, until: MonotonicTime? = nil,
        isReady: Bool = false
    ) {
        self.isReady = isReady
        self.word = word
        self.reason = reason
        self.since = since
        self.until = until
    }

    /// - Parameters:
    ///   - monotonic: now.
    ///   - wall: when that millisecond began, in nanoseconds since 1970.
    func response(monotonic: MonotonicTime, wall: Int64) -> Response {
        var timestamps = TimestampFormatter()
        func append(_ time: MonotonicTime, to body: inout [UInt8]) {
            let nanoseconds = wall.addingSaturated(
                (time.milliseconds - monotonic.milliseconds).multipliedSaturated(by: 1_000_000))
            body.append(literal: "\"")
            timestamps.append(nanoseconds: nanoseconds, digits: 3, to: &body)
            body.append(literal: "\"")
        }
        var body: [UInt8] = []
        body.append(literal: "{\"status\":\"")
        body.append(literal: word)
        body.append(literal: "\",\"reason\":\"")
        body.append(literal: reason)
        body.append(literal: "\",\"since\":")
        append(since, to: &body)
        body.append(literal: ",\"until\":")
        if let until { append(until, to: &body) } else { body.append(literal: "null") }
        body.append(literal: "}")
        return Response(isReady ? .ok : .serviceUnavailable, contentType: .json, body: body)
    }

    /// The reason where an operator has drained the member.
    static let drained: StaticString = "operator"

    static func words(_ hold: ReadinessHold) -> StaticString {
        switch hold {
        case .searching: "looking for members"
        case .copying: "copying"
        case .linking: "linking"
        case .refused: "refused"
        case .clusterDirectory: "cluster directory"
        case .originals: "original members"
        }
    }

    private static func words(_ ground: ReadinessGround) -> StaticString {
        switch ground {
        case .copied: "copied"
        case .startedTogether: "started together"
        case .alone: "alone"
        case .timeout(peersAnswered: true): "timeout"
        case .timeout(peersAnswered: false): "timeout without peers"
        }
    }
}
