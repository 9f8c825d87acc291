// The pages for operators (docs/rest-api.md, R601–R609).

import Foundation
import Replication
import TestSupport
import TestTime
import Testing
import Time

@testable import Configuration
@testable import RegistryCore
@testable import Serving

/// A cluster that reports what it is told.
struct ReportingCluster: Cluster {
    var hasCopy = true
    var isLargeEnough = true
    var clockCorrection: Int64 = 0
    var components: [ComponentHealth] = []
    var report: ClusterReport?
    var readiness: ReadinessReport?
    var sizeChangedAt: MonotonicTime = 0
}

struct OperationsTests {
    /// Where it is required, its absence fails the test.
    private static let hasPromtool =
        ProcessInfo.processInfo.environment["REQUIRE_PROMTOOL"] != nil
        || FileManager.default.isExecutableFile(atPath: "/usr/bin/promtool")

    @Test(arguments: Transport.allCases)
    func `the root answers with nothing`(_ transport: Transport) throws {
        // R601 GET / answers 200 with an empty body: liveness for load balancers.
        let answer = try Registry(transport).send(.get("/"))
        #expect(answer.status == 200)
        #expect(answer.body.isEmpty)
        #expect(answer["Content-Length"] == "0")
        #expect(answer["Content-Type"] == nil)
    }

    @Test(arguments: Transport.allCases)
    func `uptime is told as Go tells durations`(_ transport: Transport) throws {
        // R602 GET /uptime answers 200, or 503 when a component is unhealthy, with the same report in both cases.
        // R603 The report is {"UPTIME":{"healthy":true,"properties":{"uptime":"1h2m3s"}}}.
        let registry = try Registry(transport)
        for (milliseconds, text) in [
            (0, "0s"), (999, "0s"), (1, "1s"), (59_000, "1m0s"), (3_600_000 + 63_000 + 500, "1h2m3s"),
        ] {
            registry.clock.advance(milliseconds: Int64(milliseconds))
            let answer = try registry.send(.get("/uptime"))
            #expect(answer.status == 200)
            #expect(answer["Content-Type"] == "application/json")
            #expect(answer.text == #"{"UPTIME":{"healthy":true,"properties":{"uptime":"\#(text)"}}}"#)
        }
    }

    @Test(arguments: Transport.allCases, [true, false])
    func `in a cluster its health is reported too`(_ transport: Transport, _ isHealthy: Bool) throws {
        // R603 … in a cluster "CLUSTER":{"healthy":true,"properties":{"size":3,"threshold":3}} and
        // "REPLICATION":{"healthy":true} are added. R604 size and threshold are numbers. R701 … only /uptime and
        // /readyz answer 503 with their own reports.
        let cluster = ReportingCluster(components: [
            ComponentHealth(name: "CLUSTER", isHealthy: true, properties: [("size", 3), ("threshold", 3)]),
            ComponentHealth(name: "REPLICATION", isHealthy: isHealthy),
        ])
        let answer = try Registry(transport, cluster: cluster).send(.get("/uptime"))
        #expect(answer.status == (isHealthy ? 200 : 503))
        let added =
            #""CLUSTER":{"healthy":true,"properties":{"size":3,"threshold":3}},"REPLICATION":{"healthy":\#(isHealthy)}"#
        #expect(answer.text == #"{"UPTIME":{"healthy":true,"properties":{"uptime":"0s"}},\#(added)}"#)
    }

    @Test(arguments: Transport.allCases)
    func `readiness follows the life of the process, and liveness does not`(_ transport: Transport) throws {
        // R605 GET /livez answers 200 {"status":"alive"} as long as the process serves requests. R606 GET /readyz
        // answers {"status","reason","since","until"}: 200 with status "ready", or 503 with "starting" … and "draining"
        // once a stop was asked for.
        let registry = try Registry(transport)
        for (state, status, word) in [
            (Lifecycle.State.starting, 503, "starting"), (.ready, 200, "ready"), (.draining, 503, "draining"),
            (.ready, 503, "draining"),
            (.leaving, 503, "draining"),
        ] {
            registry.context.registry.lifecycle.advance(to: state)
            let ready = try registry.send(.get("/readyz"))
            #expect(ready.status == status)
            let page = try ready.object()
            #expect(page["status"] as? String == word)
            #expect(Set(page.keys) == ["status", "reason", "since", "until"])
            #expect(page["until"] is NSNull)
            #expect(ready["Content-Type"] == "application/json")
            let alive = try registry.send(.get("/livez"))
            #expect(alive.status == 200)
            #expect(alive.text == #"{"status":"alive"}"#)
            #expect(alive["Content-Type"] == "application/json")
        }
    }

    @Test(
        arguments: [
            (.searching, "looking for members"), (.copying, "copying"), (.refused(.secret), "refused"),
            (.linking, "linking"), (.clusterDirectory, "cluster directory"), (.originals, "original members"),
        ] as [(ReadinessHold, String)])
    func `who is not ready says why, since when, and until when at the latest`(hold: ReadinessHold, reason: String)
        throws
    {
        // R650 reason says why the status is what it is …; R651 since and until are times of RFC 3339 in UTC; until is
        // null where no time ends it.
        var cluster = ReportingCluster()
        cluster.readiness = ReadinessReport(hold: hold, ground: nil, since: 1_000, until: 31_000)
        let registry = try Registry(.router, cluster: cluster)
        registry.context.registry.lifecycle.advance(to: .ready)
        let answer = try registry.send(.get("/readyz"))
        #expect(answer.status == 503)
        let page = try answer.object()
        #expect(page["status"] as? String == "starting")
        #expect(page["reason"] as? String == reason)
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let (since, until) = (try #require(page["since"] as? String), try #require(page["until"] as? String))
        #expect(try format.parse(until).timeIntervalSince(format.parse(since)).rounded() == 30)
        #expect(since.hasSuffix("Z"))
        // Within the same millisecond, and into the next of the wall clock.
        registry.clock.advance(microseconds: 700)
        #expect(
            try registry.send(.get("/readyz")).object()["since"] as? String == since,
            "it is a time, and stays what it was")
    }

    @Test func `who is ready says on what ground`() throws {
        // R650 … of a member that is ready: copied, started together, alone, timeout …
        for (ground, reason) in [
            (.copied(from: PeerAddress(host: "10.0.0.1", port: 1)), "copied"),
            (.startedTogether(members: 3), "started together"),
            (.alone, "alone"), (.timeout(peersAnswered: true), "timeout"),
            (.timeout(peersAnswered: false), "timeout without peers"),
        ] as [(ReadinessGround, String)] {
            var cluster = ReportingCluster()
            cluster.readiness = ReadinessReport(hold: nil, ground: ground, since: 0, until: nil)
            let registry = try Registry(.router, cluster: cluster)
            registry.context.registry.lifecycle.advance(to: .ready)
            let answer = try registry.send(.get("/readyz"))
            #expect(answer.status == 200)
            #expect(try answer.object()["reason"] as? String == reason)
        }
        let alone = try Registry(.router)
        alone.context.registry.lifecycle.advance(to: .ready)
        #expect(try alone.send(.get("/readyz")).object()["reason"] as? String == "no cluster")
    }

    @Test(arguments: Transport.allCases)
    func `the metrics tell what happened`(_ transport: Transport) throws {
        // R607 GET /metrics answers in the Prometheus text format: text/plain; version=0.0.4; charset=utf-8.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["ttl": "10"]))
        try registry.register(Body("web", "b"))
        try registry.register(Body("db", "c", ["ttl": "10"]))
        #expect(try registry.send(.renew(id)).status == 200)
        #expect(try registry.send(.remove(id)).status == 200)
        #expect(try registry.send(.remove(id)).status == 410)
        #expect(try registry.send(.register(text: "")).status == 400)
        #expect(try registry.send(.get("/nowhere")).status == 404)
        #expect(try registry.send(raw: Array("nonsense\r\n\r\n".utf8)).status == 400)
        registry.clock.advance(milliseconds: 11_000)
        registry.sweep()
        let answer = try registry.send(.get("/metrics"))
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        let lines = Set(answer.text.split(separator: "\n"))
        for line in [
            #"a8registry_http_requests_total{operation="registerInstance",status="201"} 3"#,
            #"a8registry_http_requests_total{operation="registerInstance",status="400"} 1"#,
            #"a8registry_http_requests_total{operation="deregisterInstance",status="410"} 1"#,
            #"a8registry_http_requests_total{operation="unmatched",status="404"} 1"#,
            #"a8registry_http_requests_total{operation="unmatched",status="400"} 1"#,
            #"a8registry_http_refusals_total{status="400"} 2"#,
            #"a8registry_http_request_duration_seconds_count{operation="registerInstance"} 4"#,
            "a8registry_instances 1", "a8registry_services 1", "a8registry_namespaces 1",
            "a8registry_registrations_total 3",
            "a8registry_renewals_total 1", "a8registry_deregistrations_total 1", "a8registry_expirations_total 1",
            "a8registry_log_dropped_lines_total 0", #"a8registry_build_info{version="\#(Release.current)"} 1"#,
        ] {
            #expect(lines.contains(Substring(line)), "\(line) is not in:\n\(answer.text)")
        }
    }

    @Test func `the metrics have those of the process that Prometheus' clients have`() throws {
        // R674 The metrics have those of the process that Prometheus' clients have, under the same names.
        let text = try Registry(.router).send(.get("/metrics")).text
        let expected: [(name: String, type: String, help: String)] = [
            ("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."),
            ("process_open_fds", "gauge", "Number of open file descriptors."),
            ("process_max_fds", "gauge", "Maximum number of open file descriptors."),
            ("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes."),
            ("process_virtual_memory_max_bytes", "gauge", "Maximum amount of virtual memory available in bytes."),
            ("process_resident_memory_bytes", "gauge", "Resident memory size in bytes."),
            ("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds."),
            ("process_threads", "gauge", "Number of OS threads in the process."),
        ]
        for (name, type, help) in expected {
            let family = try #require(
                text.firstRange(of: "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name) "), "\(name)")
            let value = try #require(Double(text[family.upperBound...].prefix { $0 != "\n" }), "\(name)")
            #expect(value > 0, "\(name)")
        }
        #expect(text.matches(of: /# TYPE process_/).count == expected.count)
    }

    @Test(.enabled(if: hasPromtool, "promtool is not installed"))
    func `promtool finds nothing wrong with the metrics`() throws {
        // R607 GET /metrics answers in the Prometheus text format.
        let registry = try Registry(.router)
        for operation in [TestRequest.register(Body()), .list(), .get("/uptime"), .get("/nowhere")] {
            _ = try registry.send(operation)
        }
        let metrics = FileManager.default.temporaryDirectory.appending(path: "metrics-\(UUID().uuidString).txt")
        try Data(try registry.send(.get("/metrics")).body).write(to: metrics)
        defer { try? FileManager.default.removeItem(at: metrics) }
        let tool = Process()
        tool.executableURL = URL(filePath: "/usr/bin/promtool")
        tool.arguments = ["check", "metrics"]
        tool.standardInput = try FileHandle(forReadingFrom: metrics)
        let output = Pipe()
        tool.standardOutput = output
        tool.standardError = output
        try tool.run()
        let complaints = try output.fileHandleForReading.readToEnd() ?? Data()
        tool.waitUntilExit()
        #expect(tool.terminationStatus == 0 && complaints.isEmpty, "\(String(decoding: complaints, as: UTF8.self))")
    }

    @Test(arguments: Transport.allCases)
    func `these pages ignore their query`(_ transport: Transport) throws {
        // R609 These pages ignore their query string.
        let registry = try Registry(transport)
        registry.context.registry.lifecycle.advance(to: .ready)
        for path in ["/", "/uptime", "/livez", "/readyz", "/metrics", "/swagger.json", "/api/v1/cluster"] {
            for query in ["?", "?x", "?status=UP&status=UP&", "??", "?a=%41", "?%zz"] {
                #expect(try registry.send(.get(path + query)).status == 200, "\(path)\(query)")
            }
        }
    }
}
