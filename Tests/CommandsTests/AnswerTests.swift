// What commands show, from answers as the registry gives them to what stands on the terminal.

import Foundation
import HTTP
import Testing

@testable import Commands

struct AnswerTests {
    private static let now: Int64 = 1_795_953_605_000_000_000  // 2026-11-29T12:00:05Z

    private func tree(_ text: String) throws -> JSONTree { try JSONTree(Array(text.utf8)) }

    @Test(arguments: [
        ("plain", "plain"), ("Füße 日本", "Füße 日本"), ("\u{1B}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}"),
        ("a\nb\tc\rd", "a\\nb\\tc\\u{d}d"), ("\u{9B}2J", "\\u{9b}2J"), ("\u{202E}evil", "\\u{202e}evil"),
        ("\\u{1b}", "\\\\u{1b}"), ("\u{7F}\u{200B}\u{2028}\u{FEFF}", "\\u{7f}\\u{200b}\\u{2028}\\u{feff}"),
    ])
    func `a hostile name writes nothing but visible characters`(name: String, shown: String) {
        #expect(TerminalText.escaped(name) == shown)
    }

    @Test func `JSON from the registry means the same and has no character that a terminal acts on`() throws {
        let json = #"{"a": "\#u{9B}2J\#u{202E}\#u{E0001}é", "b": [1]}"#
        let escaped = TerminalText.escaped(json: Array(json.utf8))
        let text = String(decoding: escaped, as: UTF8.self)
        #expect(text == #"{"a": "\u009b2J\u202e\udb40\udc01é", "b": [1]}"#)
        #expect(try JSONTree(escaped) == tree(json))
    }

    @Test func `a table has a line a row, and no cell is empty or tears its line`() {
        var table = Table([.text("NAME"), .number("N"), .text("LAST")])
        table.add(["a\nb", "7", ""])
        table.add(["long name", nil, "x"])
        #expect(table.text == "NAME       N  LAST\na\\nb       7  -\nlong name  -  x\n")
    }

    @Test func `instances show what counts, what they say themselves, and how long ago they were heard`() throws {
        let list = try tree(
            #"""
            {"instances":[{"id":"26634d9e31ce714e","service_name":"reviews","endpoint":{"type":"http","value":"10.0.0.5:9080"},
             "ttl":30,"status":"OUT_OF_SERVICE","registered_status":"UP","overdue":true,"drain_until":"2026-11-29T12:00:30.5Z",
             "last_heartbeat":"2026-11-29T11:59:53.25Z","tags":["v1","eu"]}]}
            """#)
        let lines = InstanceTable.text(list["instances"].elements, at: Self.now).split(separator: "\n")
        #expect(lines[0].split(separator: " ").count == 8)
        #expect(
            lines[1].split(separator: " ") == [
                "reviews", "26634d9e31ce714e", "http", "10.0.0.5:9080",
                "OUT_OF_SERVICE(UP),until:2026-11-29T12:00:30Z,overdue", "30s", "11s",
                "v1,eu",
            ])
    }

    @Test func `services are counted, in the order of their bytes`() throws {
        let list = try tree(
            #"[{"service_name":"b","status":"UP"},{"service_name":"B","status":"DOWN"},{"service_name":"b","status":"STARTING"}]"#
        )
        #expect(
            InstanceTable.services(list.elements)
                == "SERVICE  INSTANCES  UP\nB                1   0\nb                2   1\n")
    }

    @Test(arguments: [
        (0, "0s"), (999_999, "0s"), (250_000_000, "250ms"), (59_000_000_000, "59s"), (60_000_000_000, "1m"),
        (312_000_000_000, "5m12s"), (7_380_000_000_000, "2h3m"), (352_800_000_000_000, "4d2h"),
    ])
    func `a span shows its two largest units`(nanoseconds: Int64, text: String) {
        #expect(TimeText.span(nanoseconds: nanoseconds) == text)
    }

    @Test func `the registry's clock counts, not this machine's`() {
        let head = ReceivedHead(status: 200, fields: [("Date", "Sun, 29 Nov 2026 12:00:05 GMT")])
        #expect(TimeText.now(by: head, otherwise: 1) == Self.now)
        #expect(TimeText.now(by: ReceivedHead(status: 200, fields: []), otherwise: 1) == 1)
    }

    // MARK: - Events

    private func page(_ events: [String], next: Int, missed: Bool = false) -> [UInt8] {
        Array(#"{"next":\#(next),"missed":\#(missed),"events":[\#(events.joined(separator: ","))]}"#.utf8)
    }

    private func event(_ kind: String, _ id: String, _ service: String = "web") -> String {
        #"{"index":5,"time":"2026-11-29T12:00:01.5Z","kind":"\#(kind)","id":"\#(id)","service_name":"\#(service)","endpoint":{"type":"tcp","value":"h:1"},"previous_status":"UP","client":"10.0.0.9"}"#
    }

    @Test func `what was lost says whether it is back`() throws {
        var pages = EventPages()
        #expect(try pages.take(page([event("expired", "a"), event("deregistered", "b")], next: 7, missed: true)) == 2)
        #expect(
            try pages.take(page([event("returned", "a"), event("updated", "c"), event("expired", "d", "db")], next: 9))
                == 3)
        #expect(pages.next == 9)
        #expect(pages.hasMissed)
        let lost = pages.chosen(service: nil, onlyLosses: true)
        #expect(lost.map(\.id) == ["a", "b", "d"])
        let rows = pages.table(lost).split(separator: "\n").dropFirst().map {
            $0.split(separator: " ").map(String.init)
        }
        #expect(rows.map { $0[6] } == ["back", "gone", "gone"], "\(rows)")
        #expect(rows[0] == ["2026-11-29T12:00:01Z", "expired", "web", "a", "h:1", "UP", "back", "10.0.0.9"])
        #expect(pages.chosen(service: "db", onlyLosses: false).map(\.id) == ["d"])
    }

    @Test func `chosen events are JSON as the registry wrote them`() throws {
        var pages = EventPages()
        try pages.take(page([event("expired", "a"), event("updated", "c")], next: 9))
        let text = String(decoding: pages.json(pages.chosen(service: nil, onlyLosses: true)), as: UTF8.self)
        #expect(text == #"{"next":9,"missed":false,"events":[\#(event("expired", "a"))]}"# + "\n")
    }

    @Test func `a page that is none is an error`() {
        var pages = EventPages()
        #expect(throws: (any Error).self) { try pages.take(Array("<html>".utf8)) }
    }

    // MARK: - Members and sources

    @Test func `members say which of them is behind`() throws {
        let cluster = try tree(
            #"""
            {"replication":true,"address":"10.0.0.1:6100","name":"m1","ready":true,"size":3,"expected_size":3,"members":[
             {"address":"10.0.0.2:6100","name":"m2","state":"streaming","ready":true,"digests_agree":true,"clock_offset_ms":-3,
              "reads_from_us":{"lag_changes":12,"lag_ms":340,"queued_bytes":99,"overflowed":false,"copying":false}},
             {"address":"10.0.0.3:6100","name":"m3\u001b[2J","state":"lost","last_error":{"age_ms":61000,"text":"Connection refused"}},
             {"address":"10.0.0.4:6100","name":"m4","state":"streaming","digests_agree":true,
              "reads_from_us":{"lag_changes":0,"lag_ms":0,"queued_bytes":0,"overflowed":false,"copying":false}}]}
            """#)
        let text = MemberTable(cluster).text
        #expect(text.hasPrefix("Asked m1 at 10.0.0.1:6100: ready, 3 of 3 members.\n"))
        #expect(text.contains("12 changes, 340ms"))
        #expect(text.contains("Connection refused (1m1s ago)"))
        #expect(text.hasSuffix("Behind: m2.\nNot connected: m3\\u{1b}[2J.\n"), "\(text)")
        #expect(!text.contains("\u{1B}"))
    }

    @Test func `a store says how much of it is followed, and what waits for an operator`() throws {
        // B108 … store status shows R632 as tables.
        func text(_ following: Int, _ undecided: Int) throws -> String {
            StoreTable(
                try tree(
                    #"""
                    {"store":"redis","boot_id":"62dbbd1253922554","prefix":"a8","ready":true,"healthy":false,
                     "refused_because":"OOM command\u001b[2J","away_since":"2026-11-29T11:59:53.25Z","shards":{"all":16,
                     "following":\#(following),"reading":0,"undecided":\#(undecided)},"servers":[{"address":"redis-1:6379",
                     "engine":"redis 7.0","connected":false,"reason":"connection refused"}],
                     "members":[{"boot_id":"62dbbd1253922554","name":"m1","version":"2.0"}]}
                    """#)
            ).text
        }
        let lines = try text(13, 3).split(separator: "\n")
        #expect(
            lines[0]
                == "Asked 62dbbd1253922554 (redis, prefix a8): it follows 13 of 16 shards, 3 waiting for a word, since 2026-11-29T11:59:53Z."
        )
        #expect(lines[1] == "It takes no changes: OOM command\\u{1b}[2J.")
        #expect(lines[3].split(separator: " ") == ["redis-1:6379", "redis", "7.0", "no", "connection", "refused"])
        #expect(lines[5].split(separator: " ") == ["m1", "62dbbd1253922554", "-", "2.0"])
        #expect(lines[6].contains("3 shards wait for a word") && lines[7].contains("registry store reseed"))
        let whole = try text(16, 0)
        #expect(whole.hasPrefix("Asked 62dbbd1253922554 (redis, prefix a8): it follows all 16 shards.\n"))
        #expect(!whole.contains("wait"))
        let shared = try tree(#"{"replication":false,"store":"redis","ready":true,"size":3,"members":[]}"#)
        #expect(MemberTable(shared).text.contains("registry store status"))
    }

    @Test func `a round of a migration says what became of what was told`() throws {
        // B109 store migrate --from-cluster URL … prints how much was read and told, with --output json as a line of JSON.
        var round = MigrationRound(states: 1_000, told: 7)
        for text in [
            #"{"states":4,"taken":3,"renewed":1,"full":0,"unusable":0}"#,
            #"{"states":3,"taken":0,"renewed":1,"full":2,"unusable":1}"#,
        ] { round.add(try tree(text)) }
        #expect(
            round.line
                == "1000 states read, 7 told: 3 new, 2 renewed, 2 refused because their namespaces are full, 1 not understood\n"
        )
        #expect(
            String(decoding: round.json, as: UTF8.self)
                == #"{"states":1000,"told":7,"taken":3,"renewed":2,"full":2,"unusable":1}"# + "\n")
        #expect(MigrationRound(states: 2, told: 2, taken: 2).line == "2 states read, 2 told: 2 new, 0 renewed\n")
    }

    @Test func `members that hold the same, and a registry alone, are said to`() throws {
        let good = try tree(
            #"{"replication":true,"name":"m1","ready":false,"not_ready_because":"copying","size":2,"members":[{"name":"m2","state":"streaming","digests_agree":true}]}"#
        )
        #expect(MemberTable(good).text.hasPrefix("Asked m1: not ready (copying), 2 members.\n"))
        #expect(MemberTable(good).text.hasSuffix("No member is behind.\n"))
        let drained = try tree(
            #"{"replication":true,"name":"m1","ready":false,"not_ready_because":"operator","size":2,"members":[{"name":"m2","state":"streaming","ready":false,"draining":true}]}"#
        )
        let text = MemberTable(drained).text
        #expect(text.hasPrefix("Asked m1: not ready (drained by an operator), 2 members.\n"))
        #expect(text.contains(" drained ") && text.hasSuffix("No member is behind.\nDrained by an operator: m2.\n"))
        let alone = try tree(#"{"replication":false,"ready":true,"size":1,"members":[]}"#)
        #expect(MemberTable(alone).text == "This registry is alone: it has no other members.\n")
    }

    @Test func `sources show their state, and their problems as sentences`() throws {
        let answer = try tree(
            #"""
            {"max_age_s":3600,"catalogs":[{"name":"filesystem","state":"partial","age_ms":2500,"services":2,"instances":3,
             "failures":1,"problem_count":1,"problems":[{"text":"no JSON","place":"/c/x.json:1"}]}]}
            """#)
        let lines = CatalogTable.text(answer).split(separator: "\n")
        #expect(lines[1].split(separator: " ") == ["filesystem", "partial", "2s", "-", "2", "3", "1", "1"])
        #expect(lines[2] == "filesystem: no JSON (/c/x.json:1)")
        #expect(CatalogTable.text(try tree(#"{"catalogs":[]}"#)).hasPrefix("This registry reads no other"))
    }

    @Test func `namespaces show what they hold and ask, and where there are more`() throws {
        let answer = try tree(
            #"""
            {"next":"sho\u001bp","namespaces":[{"namespace":"sho\u001bp","services":2,"instances":30,"requests_per_s":0.43,
             "heartbeats_per_s":12.00}]}
            """#)
        let lines = NamespaceTable.text(answer).split(separator: "\n")
        #expect(lines.count == 3 && !NamespaceTable.text(answer).contains("\u{1B}"))
        #expect(lines[0].split(separator: " ") == ["NAMESPACE", "SERVICES", "INSTANCES", "REQUESTS/S", "HEARTBEATS/S"])
        #expect(lines[1].split(separator: " ").dropFirst() == ["2", "30", "0.43", "12.00"], "\(lines)")
        #expect(lines[2].hasPrefix("There are more: --after sho"))
        #expect(NamespaceTable.text(try tree(#"{"namespaces":[]}"#)) == "No namespace has an instance.\n")
    }

    @Test func `refusals say whom, what and why`() throws {
        let answer = try tree(
            #"""
            {"refusals":[{"status":400,"error":"bad\u001b","count":3,"first":"2026-11-29T12:00:00Z","last":"2026-11-29T12:00:01.5Z",
             "operation":"registerInstance","client":"10.0.0.9","method":"POST","path":"/api/v1/instances"},
             {"status":408,"error":"late","count":1,"last":"2026-11-29T12:00:00Z","operation":"unmatched","namespace":"team"}]}
            """#)
        let rows = RefusalTable.text(answer).split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(
            rows[1] == ["2026-11-29T12:00:01Z", "3", "400", "10.0.0.9", "-", "POST", "/api/v1/instances", "bad\\u{1b}"])
        #expect(rows[2] == ["2026-11-29T12:00:00Z", "1", "408", "-", "team", "unmatched", "late"])
    }

    // MARK: - Metrics

    private func metrics(_ heartbeats: Int, refused: Int = 0, slow: Int = 0) -> MetricsReading {
        MetricsReading(
            Array(
                """
                # HELP a8registry_instances Instances registered.
                a8registry_instances 12
                a8registry_services 3
                a8registry_renewals_total \(heartbeats)
                a8registry_build_info{version="0.2.0"} 1
                a8registry_http_requests_total{operation="heartbeat",status="200"} \(heartbeats)
                a8registry_http_requests_total{operation="heartbeat",status="410"} \(refused)
                a8registry_http_requests_total{operation="root",status="200"} 1
                a8registry_http_request_duration_seconds_bucket{operation="heartbeat",le="0.001"} \(heartbeats)
                a8registry_http_request_duration_seconds_bucket{operation="heartbeat",le="0.01"} \(heartbeats + slow)
                a8registry_http_request_duration_seconds_bucket{operation="heartbeat",le="+Inf"} \(heartbeats + slow)

                """.utf8))
    }

    @Test func `rates and latencies are those between two readings`() {
        let text = TopView(before: metrics(1_000), after: metrics(1_900, refused: 10, slow: 100), seconds: 10).text
        let rows = text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(text.contains("12 instances, 3 services"))
        #expect(text.contains("90.0 renewed"))
        #expect(rows.contains(["heartbeat", "91.0", "1.0", "556us", "9.1ms", "1910"]), "\(text)")
        // The busiest first, and what came before alone has no latency.
        #expect(rows.last == ["root", "0.0", "0.0", "-", "-", "1"])
    }

    @Test func `a registry that was started again counts from zero`() {
        let text = TopView(before: metrics(1_000), after: metrics(50), seconds: 10).text
        #expect(text.contains("5.0 renewed"))
    }

    @Test func `labels are read with their escapes`() {
        let reading = MetricsReading(Array("m{a=\"x\\\"\\\\\\ny\",b=\"c\"} 2 1700000000\nbroken\nm 1\n".utf8))
        #expect(reading.samples("m").first?.labels == ["a": "x\"\\\ny", "b": "c"])
        #expect(reading.sum("m") == 3)
        #expect(reading.sum("none") == nil)
    }
}
