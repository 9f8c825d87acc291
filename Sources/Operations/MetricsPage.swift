// The metrics, in the text format that Prometheus scrapes. Every label is of a closed set: operations, statuses, loops,
// never a name that a client chose; but operators are told which namespaces are near their quotas.

import Catalog
import Configuration
import HTTP
import Libevent
import RegistryCore
import Serving
import TLS
import Telemetry
import Time

enum MetricsPage {
    private static let prometheusText = ContentType("text/plain; version=0.0.4; charset=utf-8")

    static func get(_ call: borrowing Call) throws(Refused) -> Response {
        var text = PrometheusText(reservingCapacity: 32_768)
        let context = call.context
        requests(context, &text)
        waiting(context, &text)
        catalog(context, &text)
        rendered(context, &text)
        // Where a token is the namespace, its name is a credential.
        LimitMetrics.append(
            context, showsNamespaces: call.isByOperator || context.settings.authMode.isEmpty, &text)
        tls(context, &text)
        issuer(context, at: call.monotonic, &text)
        ClusterMetrics.append(context, &text)
        StoreMetrics.append(context, at: call.monotonic, &text)
        CatalogMetrics.append(context, at: call.monotonic, &text)
        if let snapshots = context.snapshots { SnapshotMetrics.append(snapshots, at: call.monotonic, &text) }
        if let figures = context.dnsFigures?() { DNSMetrics.append(figures, &text) }
        process(context, &text)
        ProcessMetrics.append(&text)
        return Response(.ok, contentType: Self.prometheusText, body: text.bytes)
    }

    private static func requests(_ context: ServerContext, _ text: inout PrometheusText) {
        let counts = context.loopMetrics.reduce(RequestCounts(context.loopMetrics.first?.operations ?? [])) {
            $0 + $1.requestCounts
        }
        text.counter("a8registry_http_requests_total", help: "Requests answered, by operation and status.") { family in
            for operation in counts.operations {
                for status in HTTP.Status.allCases where counts.count(operation, status) > 0 {
                    family.sample(
                        counts.count(operation, status),
                        ["operation": operation.name, "status": String(status.rawValue)])
                }
            }
        }
        text.histogram(
            "a8registry_http_request_duration_seconds",
            help: "Time from a request's arrival to its answer, by operation."
        ) { family in
            for operation in counts.operations where counts.latency(operation).count > 0 {
                family.sample(counts.latency(operation), ["operation": operation.name])
            }
        }
        text.counter(
            "a8registry_http_refusals_total",
            help: "Answers with a status of 400 or more, also 408 and 503 before a request is read."
        ) { family in
            for status in HTTP.Status.allCases where status.rawValue >= 400 {
                let requests = counts.operations.reduce(0) { $0 + counts.count($1, status) }
                family.sample(requests + context.connectionLimits.answers(status), ["status": String(status.rawValue)])
            }
        }
    }

    private static func waiting(_ context: ServerContext, _ text: inout PrometheusText) {
        text.gauge(
            "a8registry_waiting_replies",
            help: "Answers that wait for other members or for their turn, all loops together."
        ) {
            $0.sample(context.loopMetrics.reduce(0) { $0 + $1.waitingReplies })
        }
        text.counter(
            "a8registry_not_waited_replies_total",
            help: "Answers that were given without waiting, because too many were waiting."
        ) { $0.sample(context.loopMetrics.reduce(0) { $0 + $1.notWaitedReplies }) }
        text.gauge(
            "a8registry_watches", help: "Answers that are held until something changes: long polls and streams."
        ) { $0.sample(context.watches.count) }
        text.gauge("a8registry_watches_max", help: "The most of them that may be held (MAX_WATCHES).") {
            $0.sample(context.watches.most)
        }
        text.counter(
            "a8registry_watches_refused_total", help: "Long polls and streams that were refused because of MAX_WATCHES."
        ) { $0.sample(context.watches.refused) }
    }

    private static func catalog(_ context: ServerContext, _ text: inout PrometheusText) {
        let counts = context.registry.store.counts
        text.gauge("a8registry_instances", help: "Instances registered.") { $0.sample(counts.instances) }
        text.gauge("a8registry_services", help: "Services with an instance, in all namespaces.") {
            $0.sample(counts.services)
        }
        text.gauge("a8registry_namespaces", help: "Namespaces with an instance.") { $0.sample(counts.namespaces) }
        text.gauge(
            "a8registry_instances_overdue",
            help: "Instances that are kept after their lease has run out, because leases are held."
        ) {
            $0.sample(counts.overdue)
        }
        text.gauge(
            "a8registry_feed_unaddressable",
            help: "Instances registered without an address that feeds can give: they are left out of them."
        ) {
            $0.sample(context.registry.store.unaddressable)
        }
        let holds = context.registry.expiryHold.holds
        text.gauge("a8registry_expiry_held", help: "1 while leases are held, by cause.") { family in
            for cause in HoldCause.allCases {
                family.sample(holds.contains { $0.cause == cause } ? 1 : 0, ["cause": cause.rawValue])
            }
        }
        let changes = context.registry.changes
        text.counter("a8registry_registrations_total", help: "Registrations accepted.") {
            $0.sample(changes.registered)
        }
        text.counter("a8registry_renewals_total", help: "Leases renewed by a heartbeat.") { $0.sample(changes.renewed) }
        text.counter("a8registry_deregistrations_total", help: "Instances deregistered.") {
            $0.sample(changes.deregistered)
        }
        text.counter("a8registry_expirations_total", help: "Instances that expired.") { $0.sample(changes.expired) }
        if let backlog = context.registry.relayBacklog {
            text.gauge(
                "a8registry_eureka_peers_waiting", help: "Instances whose changes wait to be published to EUREKA_PEERS."
            ) {
                $0.sample(backlog.waiting)
            }
            text.counter(
                "a8registry_eureka_peers_dropped_total",
                help: "Changes that were not published to EUREKA_PEERS, because too many waited."
            ) {
                $0.sample(backlog.dropped)
            }
        }
        let log = context.registry.store.changeLogCounts
        text.gauge("a8registry_change_log_changes", help: "Changes kept for GET /api/v1/events.") {
            $0.sample(log.changes)
        }
        text.gauge("a8registry_change_log_bytes", help: "Bytes of changes kept for GET /api/v1/events.") {
            $0.sample(log.bytes)
        }
        text.gauge(
            "a8registry_drained", help: "1 while an operator has drained this member, so that it is not ready."
        ) {
            $0.sample(context.registry.lifecycle.drainedSince == nil ? 0 : 1)
        }
        text.counter(
            "a8registry_events_missed_total",
            help: "Changes without a line in the event log, because they came too fast."
        ) {
            $0.sample(context.events.missed)
        }
        text.counter(
            "a8registry_refusals_left_out_total",
            help: "Refused requests that /api/v1/refusals leaves out, because they came too fast."
        ) {
            $0.sample(context.refusals.leftOut)
        }
        text.counter(
            "a8registry_audit_dropped_total",
            help: "Changes without a line in the audit, because they came too fast or its file was not written."
        ) {
            $0.sample(context.audited.missed)
        }
    }

    private static func rendered(_ context: ServerContext, _ text: inout PrometheusText) {
        let counts = context.loopMetrics.map(\.rendered)
        text.counter("a8registry_rendered_hits_total", help: "Lists sent from the cache of rendered lists.") {
            $0.sample(counts.reduce(0) { $0 + $1.hitCount })
        }
        text.counter("a8registry_rendered_misses_total", help: "Lists that were rendered.") {
            $0.sample(counts.reduce(0) { $0 + $1.missCount })
        }
        text.gauge("a8registry_rendered_bytes", help: "Bytes in the cache of rendered lists, all loops together.") {
            $0.sample(counts.reduce(0) { $0 + $1.heldBytes } + context.sharedRenderings.heldBytes)
        }
        text.gauge("a8registry_renderings_pending", help: "Long lists that are being rendered, or wait for it.") {
            $0.sample(context.renderThreads.pending)
        }
        text.gauge("a8registry_renderings_pending_bytes", help: "Bytes of long lists that are being rendered.") {
            $0.sample(context.renderThreads.account.total)
        }
        text.counter("a8registry_renderings_total", help: "Long lists that were rendered on their own threads.") {
            $0.sample(context.renderThreads.madeCount)
        }
        text.counter(
            "a8registry_renderings_refused_total",
            help: "Long lists that were refused, because there were too many or they were too large."
        ) {
            $0.sample(context.renderThreads.refusedCount)
        }
    }

    private static func tls(_ context: ServerContext, _ text: inout PrometheusText) {
        if let health = context.tlsHealth {
            tls(
                health, expiry: "a8registry_tls_certificate_expiry_seconds",
                reloadFailures: "a8registry_tls_reload_failures_total",
                handshakeFailures: "a8registry_tls_handshake_failures_total", &text)
        }
        if let health = context.peerTLSHealth {
            tls(
                health, expiry: "a8registry_replication_tls_certificate_expiry_seconds",
                reloadFailures: "a8registry_replication_tls_reload_failures_total",
                handshakeFailures: "a8registry_replication_tls_handshake_failures_total", &text)
        }
    }

    private static func tls(
        _ health: TLSHealth, expiry: StaticString, reloadFailures: StaticString, handshakeFailures: StaticString,
        _ text: inout PrometheusText
    ) {
        text.gauge(
            expiry, help: "When the certificate in service expires, in seconds since 1970."
        ) { $0.sample(Double(health.certificateExpiry)) }
        text.counter(
            reloadFailures,
            help: "How often new certificate files could not be used, so that the old ones stayed in service."
        ) {
            $0.sample(health.reloadFailures)
        }
        text.counter(handshakeFailures, help: "Connections whose TLS handshake failed.") {
            $0.sample(health.handshakeFailures)
        }
    }

    private static func issuer(_ context: ServerContext, at now: MonotonicTime, _ text: inout PrometheusText) {
        guard let record = context.registry.issuerRecord(at: now) else { return }
        if let age = record.age {
            text.gauge(
                "a8registry_issuer_keys_age_seconds", help: "How long ago the issuer last answered with its keys."
            ) {
                $0.sample(age / .seconds(1))
            }
        }
        text.counter(
            "a8registry_issuer_failures_total",
            help: "How often the issuer was asked for its keys in vain, so that the old ones stayed in use."
        ) {
            $0.sample(record.failures)
        }
    }

    private static func process(_ context: ServerContext, _ text: inout PrometheusText) {
        text.gauge("a8registry_open_connections", help: "Client connections open now.") {
            $0.sample(context.openConnections())
        }
        text.gauge("a8registry_loop_lag_seconds", help: "How late the timer of the loop last fired.") { family in
            for (loop, metrics) in context.loopMetrics.enumerated() {
                family.sample(Double(metrics.lagMicroseconds) / 1_000_000, ["loop": String(loop)])
            }
        }
        text.counter(
            "a8registry_log_dropped_lines_total",
            help: "Log lines dropped because the log was not read fast enough."
        ) {
            $0.sample(context.droppedLogLines())
        }
        text.gauge("a8registry_build_info", help: "Always 1; the labels name the version and the libraries.") {
            $0.sample(1, ["version": Release.current])
        }
    }
}
