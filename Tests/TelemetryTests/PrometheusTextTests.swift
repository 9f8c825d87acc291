import Foundation
import Testing

@testable import Telemetry

struct PrometheusTextTests {
    static let promtool = "/usr/bin/promtool"
    /// Where it is required, its absence fails the test.
    static let hasPromtool: Bool = {
        if ProcessInfo.processInfo.environment["REQUIRE_PROMTOOL"] != nil { return true }
        let found = FileManager.default.isExecutableFile(atPath: promtool)
        if !found { print("skipping the test with promtool: there is no \(promtool)") }
        return found
    }()

    /// Two counters, gauges of all kinds, two histograms, and labels that need care.
    static func example() -> [UInt8] {
        var metrics = PrometheusText(reservingCapacity: 4096)
        metrics.counter("registry_requests_total", help: "Requests by operation. Not \\ nor\nmore \"than that\".") {
            $0.sample(UInt64.max, ["operation": "renew", "status": "200"])
            $0.sample(0, ["operation": "a \"quoted\"\n\\ é", "status": "404"])
        }
        metrics.gauge("registry_instances", help: "Registered instances.") {
            $0.sample(-3, ["namespace": "default"])
            $0.sample(2.5, ["namespace": ""])
            $0.sample(-Double.infinity, ["namespace": "infinite"])
            $0.sample(Double.nan, ["namespace": "none"])
        }
        metrics.gauge("registry_up", help: "One.") { $0.sample(1) }
        var latency = LatencyHistogram()
        for microseconds in [1, 50, 51, 2_000_000, 60_000_000] { latency.record(microseconds: microseconds) }
        metrics.histogram("registry_request_duration_seconds", help: "Time to answer.") {
            $0.sample(latency, ["operation": "renew"])
            $0.sample(LatencyHistogram(), ["operation": "list"])
        }
        metrics.histogram("registry_sync_duration_seconds", help: "Time to copy.") { $0.sample(latency) }
        return metrics.bytes
    }

    @Test func `counters and gauges read as the format has them`() {
        let expected = #"""
            # HELP registry_requests_total Requests by operation. Not \\ nor\nmore "than that".
            # TYPE registry_requests_total counter
            registry_requests_total{operation="renew",status="200"} 18446744073709551615
            registry_requests_total{operation="a \"quoted\"\n\\ é",status="404"} 0
            # HELP registry_instances Registered instances.
            # TYPE registry_instances gauge
            registry_instances{namespace="default"} -3
            registry_instances{namespace=""} 2.5
            registry_instances{namespace="infinite"} -Inf
            registry_instances{namespace="none"} NaN
            # HELP registry_up One.
            # TYPE registry_up gauge
            registry_up 1

            """#
        #expect(text(Self.example()).hasPrefix(expected))
    }

    @Test func `a histogram's buckets are cumulative and in seconds`() {
        let lines = text(Self.example()).split(separator: "\n").filter {
            $0.contains(#"operation="renew""#) && $0.contains("duration")
        }
        func bucket(_ bound: String, _ count: Int) -> Substring {
            "registry_request_duration_seconds_bucket{operation=\"renew\",le=\"\(bound)\"} \(count)"
        }
        let bounds = [
            "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
            "1",
        ]
        #expect(
            lines == [bucket("0.00005", 2)] + bounds.map { bucket($0, 3) } + [
                bucket("2.5", 4), bucket("5", 4), bucket("10", 4), bucket("+Inf", 5),
                #"registry_request_duration_seconds_sum{operation="renew"} 62.000102"#,
                #"registry_request_duration_seconds_count{operation="renew"} 5"#,
            ])
    }

    @Test(.enabled(if: hasPromtool, "promtool is not installed"))
    func `promtool has nothing to say against it`() throws {
        #expect(try Self.check(Self.example()) == "")
        #expect(try Self.check(Array("registry_requests 1\n".utf8)) != "", "the check can fail")
    }

    /// What `promtool check metrics` complains of.
    private static func check(_ metrics: [UInt8]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: promtool)
        process.arguments = ["check", "metrics"]
        let (input, output) = (Foundation.Pipe(), Foundation.Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        input.fileHandleForWriting.write(Data(metrics))  // far less than a pipe holds
        try input.fileHandleForWriting.close()
        let complaints = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return process.terminationStatus == 0 ? complaints : "exit \(process.terminationStatus): \(complaints)"
    }
}
