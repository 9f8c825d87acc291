// What Prometheus reads (docs/prometheus.md).

import Foundation
import TestSupport
import TestTime
import Testing

@testable import Serving

struct TargetTests {
    /// A group as Prometheus takes it: anything else in it costs the whole answer.
    private struct Group: Decodable, Equatable {
        var targets: [String]
        var labels: [String: String]
    }

    private static func get(_ query: String = "") -> TestRequest {
        .get("/api/v1/targets" + (query.isEmpty ? "" : "?" + query))
    }

    private static func groups(_ registry: Registry, _ query: String = "", token: String? = nil) throws -> [Group] {
        let request = get(query)
        let answer = try registry.send(token.map { request.bearing($0) } ?? request)
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "application/json")
        for group in try #require(JSONSerialization.jsonObject(with: Data(answer.body)) as? [[String: Any]]) {
            #expect(Set(group.keys) == ["targets", "labels"])
        }
        let groups = try JSONDecoder().decode([Group].self, from: Data(answer.body))
        for group in groups {
            #expect(group.targets.count == 1)
            for name in group.labels.keys { #expect(name.wholeMatch(of: /[a-zA-Z_][a-zA-Z0-9_]*/) != nil, "\(name)") }
        }
        return groups
    }

    @Test(arguments: Transport.allCases)
    func `an instance is a group of one target with its labels`(_ transport: Transport) throws {
        let registry = try Registry(transport)
        // H101 … It is `[]` when there is none.
        #expect(try registry.send(Self.get()).text == "[]")
        let id = try registry.register(
            Body("wéb", "10.0.0.5:9080", ["tags": #"["v1","b,c"]"#, "metadata": #"{"zone":"eu","n":1.50}"#]))
        // H102 All values are text, and the tags have commas around them.
        #expect(
            try Self.groups(registry) == [
                Group(
                    targets: ["10.0.0.5:9080"],
                    labels: [
                        "__meta_a8_service": "wéb", "__meta_a8_id": id, "__meta_a8_namespace": "default",
                        "__meta_a8_status": "UP", "__meta_a8_endpoint_type": "http", "__meta_a8_tags": ",v1,b,c,",
                        "__meta_a8_metadata_zone": "eu", "__meta_a8_metadata_n": "1.50",
                    ])
            ])
        let bare = try registry.register(Body("x", "[fd00::1]:1", [:]))
        let group = try #require(try Self.groups(registry, "service_name=x").first)
        #expect(group.targets == ["[fd00::1]:1"])
        #expect(group.labels["__meta_a8_id"] == bare)
        #expect(group.labels["__meta_a8_tags"] == ",")
    }

    @Test func `what has no address, or is reached by UDP, is left out wherever it stands`() throws {
        // H101 … that has an address (A101). H104 Instances of type udp are left out. A103 … is left out of other
        // answers.
        let registry = try Registry(.router)
        func register(_ service: String, _ type: String, _ value: String) throws {
            var body = Body(service, value)
            body.type = Body.quoted(type)
            try registry.register(body)
        }
        for number in 0..<8 {
            try register("a", "user", "anything \(number)")
            try register("b", number % 2 == 0 ? "tcp" : "udp", "10.0.0.1:\(80 + number)")
            try register("c", "tcp", "10.0.0.\(number)")
        }
        for query in ["", "service_name=b", "tags="] {
            let expected = query == "tags=" ? [] : [80, 82, 84, 86].map { "10.0.0.1:\($0)" }
            #expect(try Self.groups(registry, query).flatMap(\.targets).sorted() == expected, "\(query)")
        }
        #expect(try Self.groups(registry, "service_name=a") == [])
        let metrics = try registry.send(.get("/metrics")).text
        #expect(metrics.contains("\na8registry_feed_unaddressable 16\n"))
    }

    @Test func `metadata becomes labels that Prometheus takes`() throws {
        // H103 Of keys that come to the same label the first one stands. A105 Nested values and null are left out.
        let registry = try Registry(.router)
        try registry.register(
            Body(
                "web", "a:1",
                ["metadata": #"{"a-b":1,"a.b":2,"é":true,"":"empty","0":"\n\"","x":null,"y":{"z":1},"A_b9":"c"}"#]))
        let labels = try #require(try Self.groups(registry).first).labels.filter {
            $0.key.hasPrefix("__meta_a8_metadata_")
        }
        #expect(
            labels == [
                "__meta_a8_metadata_a_b": "1", "__meta_a8_metadata___": "true", "__meta_a8_metadata_": "empty",
                "__meta_a8_metadata_0": "\n\"", "__meta_a8_metadata_A_b9": "c",
            ])
        try registry.register(Body("web", "a:2", ["metadata": #""text""#]))
        #expect(try Self.groups(registry).count == 2)
    }

    @Test(
        arguments: [
            ("http", "a:1", nil), ("https", "a:1", "https"), ("http", "https://a:1/x", "https"),
            ("https", "http://a", nil),
            ("tcp", "a:1", nil),
        ] as [(String, String, String?)])
    func `what is reached by HTTPS is scraped by it`(type: String, value: String, scheme: String?) throws {
        // H104 __scheme__ is https for what is reached by HTTPS: the type https, or a URL of https.
        let registry = try Registry(.router)
        var body = Body("web", value)
        body.type = Body.quoted(type)
        try registry.register(body)
        #expect(try Self.groups(registry).first?.labels["__scheme__"] == scheme)
    }

    @Test(
        arguments: [
            (#"{"prometheus_path":"/m?x=1"}"#, "/m?x=1"), (#"{"prometheus_path":"m"}"#, nil),
            (#"{"prometheus_path":5}"#, nil), (#"{"prometheus_path":["/m"]}"#, nil), ("{}", nil),
        ] as [(String, String?)])
    func `metadata says where metrics are`(metadata: String, path: String?) throws {
        // H105 prometheus_path in the metadata, where it begins with /, is __metrics_path__, too.
        let registry = try Registry(.router)
        try registry.register(Body("web", "a:1", ["metadata": metadata]))
        let labels = try #require(try Self.groups(registry).first).labels
        #expect(labels["__metrics_path__"] == path)
        if let path { #expect(labels["__meta_a8_metadata_prometheus_path"] == path) }
    }

    @Test(arguments: Transport.allCases)
    func `filters are those of instances, and every status is shown without one`(_ transport: Transport) throws {
        // H110 service_name, tags and status filter. H111 Without status every status is listed. H106 The order is that
        // of R317, A108.
        let registry = try Registry(transport)
        var ids: [String: String] = [:]
        for (service, value, status, tags) in [
            ("web", "a:1", "UP", #"["x","y"]"#), ("web", "a:2", "STARTING", #"["x"]"#),
            ("web", "a:3", "OUT_OF_SERVICE", "[]"), ("db", "a:4", "UP", #"["y"]"#),
        ] {
            ids[value] = try registry.register(
                Body(service, value, ["status": Body.quoted(status), "tags": tags]))
        }
        func expect(_ query: String, _ values: [String], at place: SourceLocation = #_sourceLocation) throws {
            let (db, web) = (values.filter { $0 == "a:4" }, values.filter { $0 != "a:4" })
            let sorted = db + web.sorted { (ids[$0] ?? "") < (ids[$1] ?? "") }
            #expect(
                try Self.groups(registry, query).flatMap(\.targets) == sorted, "\(query)", sourceLocation: place)
        }
        try expect("", ["a:1", "a:2", "a:3", "a:4"])
        try expect("status=all", ["a:1", "a:2", "a:3", "a:4"])
        try expect("status=up", ["a:1", "a:4"])
        try expect("service_name=web", ["a:1", "a:2", "a:3"])
        try expect("service_name=web&status=STARTING", ["a:2"])
        try expect("tags=x", ["a:1", "a:2"])
        try expect("tags=y&status=UP&service_name=db", ["a:4"])
        try expect("status=", [])
        for query in ["id=1", "fields=id", "x=1", "status=UP&status=UP", "%"] {
            let answer = try registry.send(Self.get(query))
            #expect(answer.status == 400, "\(query)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `a tag is good until something changes`(_ transport: Transport) throws {
        // H112 ETag, 304 and gzip are those of other lists. A109 A heartbeat changes no answer.
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "10.0.0.1:80"))
        let first = try registry.send(Self.get())
        let tag = try #require(first["ETag"])
        registry.clock.advance(milliseconds: 5_000)
        #expect(try registry.send(.renew(id)).status == 200)
        #expect(try registry.send(Self.get().with("If-None-Match", tag)).status == 304)
        #expect(try registry.send(Self.get()).body == first.body)
        // No other list has it.
        #expect(try registry.send(.list("").with("If-None-Match", tag)).status == 200)
        try registry.register(Body("web", "10.0.0.2:80"))
        #expect(try registry.send(Self.get().with("If-None-Match", tag)).status == 200)
        for number in 3..<20 { try registry.register(Body("web", "10.0.0.\(number):80")) }
        #expect(try registry.send(Self.get().with("Accept-Encoding", "gzip"))["Content-Encoding"] == "gzip")
        #expect(try registry.send(TestRequest("HEAD", "/api/v1/targets")).body.isEmpty)
    }

    @Test func `a namespace is shown to its credential alone`() throws {
        // A107 What is shown is the credential's namespace, and nothing of another.
        let registry = try Registry(.router) { $0.authMode = [.trusted] }
        try registry.register(Body("web", "10.0.0.1:80"), token: "one")
        #expect(try Self.groups(registry, token: "one").first?.labels["__meta_a8_namespace"] == "one")
        #expect(try Self.groups(registry, token: "two") == [])
        #expect(try registry.send(Self.get()).status == 401)
    }

    @Test func `a member that cannot know says so, and nothing else`() throws {
        // H113 A member that has no copy yet, or is leaving, answers 503. A106 … never with an empty answer.
        let registry = try Registry(.router, cluster: ReportingCluster(hasCopy: false))
        let answer = try registry.send(Self.get())
        #expect(answer.status == 503)
        #expect(answer["Retry-After"] != nil)
        let leaving = try Registry(.router)
        leaving.context.registry.lifecycle.advance(to: .leaving)
        #expect(try leaving.send(Self.get()).status == 503)
    }
}
