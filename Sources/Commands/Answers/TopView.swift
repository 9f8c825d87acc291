// What the registry does just now, from two readings of its metrics: rates are their differences, and a latency is where
// the requests between them lie in the histogram, as `histogram_quantile` of Prometheus has it.

struct TopView {
    private static let requests = "a8registry_http_requests_total"
    private static let latency = "a8registry_http_request_duration_seconds"

    private let before: MetricsReading
    private let after: MetricsReading
    /// Between the two.
    private let seconds: Double

    init(before: MetricsReading, after: MetricsReading, seconds: Double) {
        self.before = before
        self.after = after
        self.seconds = max(seconds, 0.001)
    }

    /// Lines: what there is, what happens, and a row for each kind of request that has come.
    var text: String { totals + changes + operations }

    private var totals: String {
        let version = after.samples("a8registry_build_info").first?.labels["version"] ?? "?"
        let overdue =
            after.sum("a8registry_instances_overdue").flatMap { $0 > 0 ? ", \(whole($0)) overdue" : nil } ?? ""
        let memory = after.sum("process_resident_memory_bytes").map { "\(whole($0 / 1_048_576)) MB" } ?? "?"
        let lag = after.samples("a8registry_loop_lag_seconds").map(\.value).max() ?? 0
        return TerminalText.escaped("registry \(version): ")
            + "\(gauge("a8registry_instances")) instances\(overdue), \(gauge("a8registry_services")) services, "
            + "\(gauge("a8registry_watches")) watches, \(gauge("a8registry_open_connections")) connections\n"
            + "CPU \(whole(100 * rate("process_cpu_seconds_total"))) %, memory \(memory), "
            + "loops late by \(Self.time(lag)) at most\n"
    }

    private var changes: String {
        "per second: \(decimal(rate("a8registry_registrations_total"))) registered, "
            + "\(decimal(rate("a8registry_renewals_total"))) renewed, "
            + "\(decimal(rate("a8registry_deregistrations_total"))) deregistered, "
            + "\(decimal(rate("a8registry_expirations_total"))) expired\n"
    }

    private var operations: String {
        var table = Table([
            .text("REQUEST"), .number("PER SECOND"), .number("REFUSED"), .number("P50"), .number("P99"),
            .number("TOTAL"),
        ])
        let names = Set(after.samples(Self.requests).compactMap { $0.labels["operation"] })
        let rows = names.map { (name: $0, rate: rate(Self.requests, "operation", $0)) }
        // The busiest first.
        for (name, rate) in rows.sorted(by: { ($1.rate, $0.name) < ($0.rate, $1.name) }) {
            let quantiles = [0.5, 0.99].map { quantile($0, name).map(Self.time) }
            table.add([
                name, decimal(rate), decimal(refused(name)), quantiles[0], quantiles[1],
                after.sum(Self.requests, "operation", name).map(whole),
            ])
        }
        return table.text
    }

    private func rate(_ name: String, _ label: String? = nil, _ value: String? = nil) -> Double {
        // A registry that was started again counts from 0.
        let (old, new) = (before.sum(name, label, value) ?? 0, after.sum(name, label, value) ?? 0)
        return (new >= old ? new - old : new) / seconds
    }

    private func refused(_ operation: String) -> Double {
        func count(_ reading: MetricsReading) -> Double {
            reading.samples(Self.requests, "operation", operation).filter { ($0.labels["status"] ?? "") >= "400" }
                .reduce(0) { $0 + $1.value }
        }
        return max(0, count(after) - count(before)) / seconds
    }

    /// In seconds; nil when no request came between the two readings.
    private func quantile(_ quantile: Double, _ operation: String) -> Double? {
        func buckets(_ reading: MetricsReading) -> [(limit: Double, count: Double)] {
            reading.samples(Self.latency + "_bucket", "operation", operation).compactMap { sample in
                let limit = sample.labels["le"].flatMap { $0 == "+Inf" ? .infinity : Double($0) }
                return limit.map { (limit: $0, count: sample.value) }
            }.sorted { $0.limit < $1.limit }
        }
        let old = Dictionary(buckets(before).map { ($0.limit, $0.count) }) { first, _ in first }
        let new = buckets(after).map { (limit: $0.limit, count: max(0, $0.count - (old[$0.limit] ?? 0))) }
        guard let total = new.last?.count, total > 0 else { return nil }
        let rank = quantile * total
        var (limit, count) = (0.0, 0.0)
        for bucket in new {
            if bucket.count >= rank {
                guard bucket.limit.isFinite, bucket.count > count else { return limit }
                return limit + (bucket.limit - limit) * (rank - count) / (bucket.count - count)
            }
            (limit, count) = bucket
        }
        return limit
    }

    private func gauge(_ name: String) -> String { after.sum(name).map(whole) ?? "?" }

    private func whole(_ value: Double) -> String { value.isFinite ? "\(Int(value.rounded()))" : "?" }

    private func decimal(_ value: Double) -> String {
        value >= 100 ? whole(value) : "\(Int(value * 10 + 0.5) / 10).\(Int(value * 10 + 0.5) % 10)"
    }

    private static func time(_ seconds: Double) -> String {
        let micros = Int((seconds * 1_000_000).rounded())
        return switch micros {
        case ..<1_000: "\(micros)us"
        case ..<10_000: "\(micros / 1_000).\(micros % 1_000 / 100)ms"
        case ..<10_000_000: "\(micros / 1_000)ms"
        default: "\(micros / 1_000_000)s"
        }
    }
}
