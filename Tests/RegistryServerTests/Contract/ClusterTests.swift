// The registry as a member of a cluster, before and after it has copied what the others have (docs/rest-api.md, R606
// and R620–R625).

import Catalog
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore
@testable import Replication
@testable import Serving

/// A cluster whose copy comes when the test says so.
private final class AwaitingCluster: Cluster {
    private let copied = Atomic<Bool>(false)
    private let large = Atomic<Bool>(false)

    var hasCopy: Bool { copied.load(ordering: .relaxed) }
    var isLargeEnough: Bool { large.load(ordering: .relaxed) }
    let clockCorrection: Int64 = 0
    let components: [ComponentHealth] = []
    let report: ClusterReport? = nil
    let standing = PublishedStanding()

    /// A member is connected that is ready, or none is any more that this one has to catch up with.
    func catchUp(_ isCatchingUp: Bool) {
        standing.publish(
            ClusterStanding(waits: false, mayBeUnderWay: false, behindSince: nil, isCatchingUp: isCatchingUp))
    }

    func copy() { copied.store(true, ordering: .relaxed) }
    func grow() { large.store(true, ordering: .relaxed) }
}

struct ClusterTests {
    @Test(arguments: Transport.allCases)
    func `a member that leaves takes nothing that the others would not hear of`(_ transport: Transport) throws {
        // R626 A member that stops answers requests of tenants 503 with Retry-After from the moment at which it
        // publishes its last changes …
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a"))
        registry.context.registry.lifecycle.advance(to: .draining)
        #expect(
            try registry.send(TestRequest("PUT", "/api/v1/instances/\(id)/heartbeat")).status == 200,
            "what is in flight is finished")
        registry.context.registry.lifecycle.advance(to: .leaving)
        for request in [
            TestRequest("PUT", "/api/v1/instances/\(id)/heartbeat"), TestRequest("DELETE", "/api/v1/instances/\(id)"),
            .get("/api/v1/instances"),
        ] {
            let answer = try registry.send(request)
            #expect(answer.status == 503)
            #expect(answer["Retry-After"] == "1")
        }
        #expect(registry.context.registry.store.counts.instances == 1)
        #expect(try registry.send(.get("/livez")).status == 200)
    }

    @Test(arguments: Transport.allCases)
    func `a member without a copy answers no look-up rather than half of one`(_ transport: Transport) throws {
        // R620 Until a member of a cluster has copied … look-ups … are answered 503 with Retry-After rather than with
        // less than there is.
        let cluster = AwaitingCluster()
        let registry = try Registry(transport, cluster: cluster)
        let id = try registry.register(Body("web", "a"))
        let lookUps = [
            "/api/v1/instances", "/api/v1/instances/\(id)", "/api/v1/services", "/api/v1/services/web",
            "/api/v1/services/none",
        ]
        for path in lookUps {
            let answer = try registry.send(.get(path))
            #expect(answer.status == 503, "\(path)")
            #expect(answer["Retry-After"] == "1", "\(path)")
            #expect(try answer.object()["Error"] is String, "\(path)")
        }
        // C112 A member that is not ready answers 503 with Retry-After (R620).
        for path in ["/v1/catalog/services", "/v1/health/service/web", "/v1/health/state/any"] {
            let answer = try registry.send(.get(path))
            #expect(
                answer.status == 503 && answer["Retry-After"] == "1" && answer.text.contains("not ready"), "\(path)")
        }
        cluster.copy()
        for path in lookUps {
            #expect(try registry.send(.get(path)).status == (path.hasSuffix("none") ? 404 : 200), "\(path)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `a member without a copy takes registrations, and sends nobody away who may be known elsewhere`(
        _ transport: Transport
    ) throws {
        // R621 Until then registrations are taken, and heartbeats for what is known; a heartbeat for an unknown id is
        // answered 503 with Retry-After, never 410. R622 Until then a removal of an unknown id is passed on to the
        // other members and answered 503 with Retry-After.
        let cluster = AwaitingCluster()
        let registry = try Registry(transport, cluster: cluster)
        let id = try registry.register(Body("web", "a"))
        #expect(try registry.send(.renew(id)).status == 200)
        let unknown = "0123456789abcdef"
        for request in [TestRequest.renew(unknown), .remove(unknown)] {
            let answer = try registry.send(request)
            #expect(answer.status == 503)
            #expect(answer["Retry-After"] == "1")
        }
        #expect(try registry.send(.remove(id)).status == 200)
        cluster.copy()
        #expect(try registry.send(.renew(unknown)).status == 410)
        #expect(try registry.send(.remove(unknown)).status == 410)
    }

    @Test(arguments: Transport.allCases)
    func `a member that is catching up renews, and calls nothing registered that may be removed elsewhere`(
        _ transport: Transport
    ) throws {
        // R621 … and heartbeats for what is known; while another member answers look-ups and this one does not yet, a
        // heartbeat renews the lease and is answered 503 with Retry-After. R261 … for each id the status that its own
        // heartbeat would have been answered.
        let cluster = AwaitingCluster()
        let registry = try Registry(transport, cluster: cluster)
        let id = try registry.register(Body("web", "a", ["ttl": "10"]))
        let batch = TestRequest(
            "PUT", "/api/v1/heartbeats", [("Content-Type", "application/json")],
            body: #"{"ids":["\#(id)","0123456789abcdef","\#(id)"]}"#)
        #expect(try registry.send(.renew(id)).status == 200, "all members may be starting")
        #expect(try registry.send(batch).text == #"{"renewed":2,"results":[200,503,200]}"#)
        cluster.catchUp(true)
        registry.clock.advance(milliseconds: 9_000)
        let answer = try registry.send(.renew(id))
        #expect(answer.status == 503)
        #expect(answer["Retry-After"] == "1")
        #expect(answer.error?.contains("still copying") == true)
        registry.clock.advance(milliseconds: 9_000)
        #expect(try registry.send(batch).text == #"{"renewed":0,"results":[503,503,503]}"#)
        registry.clock.advance(milliseconds: 9_000)
        registry.sweep()
        cluster.copy()
        cluster.catchUp(false)
        #expect(try registry.send(.renew(id)).status == 200, "both have renewed the lease")
        #expect(try registry.send(batch).text == #"{"renewed":2,"results":[200,410,200]}"#)
    }

    @Test func `a removal that a member without a copy cannot judge is told to the others`() throws {
        // R622 … a removal of an unknown id is passed on to the other members.
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))
        let registry = try Registry(.router, cluster: AwaitingCluster(), store: store)
        _ = try registry.send(.remove("0123456789abcdef"))
        let told = store.drain(includeRenewals: false, budget: 10, at: registry.clock.moment).changes
        #expect(told.map(\.replica.id) == [InstanceID(Array("0123456789abcdef".utf8)[...])])
        guard case .absent = told.first?.replica else {
            Issue.record("told \(told)")
            return
        }
    }

    @Test(arguments: Transport.allCases)
    func `readiness waits for the copy, and for the others where that is asked for`(_ transport: Transport) throws {
        // R606 GET /readyz answers … 503 with "starting" before the first copy from a peer is done, "alone" while
        // CLUSTER_SIZE_REQUIRED is unmet.
        for isRequired in [false, true] {
            let cluster = AwaitingCluster()
            let registry = try Registry(transport, cluster: cluster) { $0.clusterSizeRequired = isRequired }
            registry.context.registry.lifecycle.advance(to: .ready)
            #expect(try registry.send(.get("/readyz")).object()["status"] as? String == "starting")
            cluster.copy()
            let answer = try registry.send(.get("/readyz"))
            #expect(try answer.object()["status"] as? String == (isRequired ? "alone" : "ready"))
            #expect(answer.status == (isRequired ? 503 : 200))
            cluster.grow()
            #expect(try registry.send(.get("/readyz")).status == 200)
        }
    }

    @Test(arguments: Transport.allCases)
    func `a registry alone says so`(_ transport: Transport) throws {
        // R623 A registry that is alone answers {"replication":false,"ready":true,"size":1,"members":[]}.
        let answer = try Registry(transport).send(.get("/api/v1/cluster"))
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "application/json")
        #expect(answer.text == #"{"replication":false,"ready":true,"size":1,"members":[]}"#)
    }

    /// Two members, one streaming and one away.
    static var report: ClusterReport {
        var status = ClusterStatus(
            member: MemberID(bits: 0xA), name: "registry-2", address: PeerAddress(host: "10.0.0.2", port: 6_100),
            isReady: true,
            ground: .copied(from: PeerAddress(host: "10.0.0.1", port: 6_100)), expectedSize: 3, size: 2,
            clockOffset: -1,
            clockCorrection: 0, holdsLeases: false, digestRoot: 0xD, peers: [], counts: ReplicationCounts())
        status.peers = [
            PeerStatus(
                address: PeerAddress(host: "10.0.0.1", port: 6_100), member: MemberID(bits: 0xB), name: "registry-1",
                state: .streaming,
                isReady: true, clockOffset: 2, failures: 0, lastCopy: (at: 1_000, count: 7, duration: 12),
                digestsAgree: true,
                lag: PeerStatus.Lag(changes: 3, milliseconds: 4, queuedBytes: 5, hasOverflowed: false, isCopying: false)
            ),
            PeerStatus(
                address: PeerAddress(host: "fd00::3", port: 6_100), member: nil, name: nil, state: .waiting,
                isReady: false,
                clockOffset: nil, failures: 8, lastCopy: nil, digestsAgree: nil, lag: nil),
        ]
        (status.counts.changesSent, status.counts.changesReceived, status.counts.copiesSent) = (10, 20, 30)
        (status.counts.copiesReceived, status.counts.overflows, status.counts.repairs) = (40, 50, 60)
        var originals = LegacyStatus()
        (originals.counts.sent, originals.counts.received, originals.counts.copiesSent) = (1, 2, 3)
        (originals.counts.copiesReceived, originals.counts.overflows) = (4, 5)
        (originals.counts.unusable, originals.counts.repairsAsked, originals.counts.repairsAnswered) = (6, 7, 8)
        return ClusterReport(status: status, originals: originals)
    }

    @Test(arguments: Transport.allCases)
    func `the cluster's page shows members, links, lag and digests`(_ transport: Transport) throws {
        // R623 GET /api/v1/cluster answers 200 with what this member knows of its cluster.
        let registry = try Registry(transport, cluster: ReportingCluster(report: Self.report))
        registry.clock.advance(milliseconds: 2_000)
        let text = try registry.send(.get("/api/v1/cluster")).text
        let first = """
            {"address":"10.0.0.1:6100","name":"registry-1","boot_id":"000000000000000b","state":"streaming","ready":true,"clock_offset_ms":2,\
            "failed_dials":0,"last_copy":{"age_ms":1000,"states":7,"took_ms":12},"digests_agree":true,"reads_from_us":{"lag_changes":3,\
            "lag_ms":4,"queued_bytes":5,"overflowed":false,"copying":false}}
            """
        let second = #"{"address":"[fd00::3]:6100","state":"waiting","ready":false,"failed_dials":8}"#
        #expect(
            text.hasPrefix(
                """
                {"replication":true,"address":"10.0.0.2:6100","name":"registry-2","boot_id":"000000000000000a","ready":true,\
                "ready_because":"copied","size":2,"expected_size":3,"digest":"000000000000000d","clock_offset_ms":-1,\
                "clock_correction_ms":0,"leases_held":false,"members":[\(first),\(second)],"counts":{
                """), "\(text)")
    }

    /// A member is lost, and shares another one's name.
    static var troubledReport: ClusterReport {
        var status = report.status
        let address = PeerAddress(host: "10.0.0.3", port: 6_100)
        status.peers[1] = PeerStatus(
            address: address, member: MemberID(bits: 0xC), name: "registry-3", state: .lost, isReady: false,
            clockOffset: nil, failures: 0,
            version: 2, since: 1_000, fault: (at: 1_500, .closed(.silent)), lastCopy: nil, digestsAgree: nil, lag: nil)
        status.conflicts = [
            MemberConflict(kind: .name, value: "registry-1", addresses: [status.peers[0].address, address])
        ]
        return ClusterReport(status: status, originals: LegacyStatus())
    }

    @Test func `the cluster's page keeps who is lost, and shows who shares a name`() throws {
        // R652 Of a member that is not linked /api/v1/cluster still tells the name, the version of the protocol and, as
        // since, when it was lost; with every member goes the last_error, in words, and its age. R653 Live members of
        // one name … stand in conflicts with the addresses of the members.
        let registry = try Registry(.router, cluster: ReportingCluster(report: Self.troubledReport))
        registry.clock.advance(milliseconds: 2_000)
        let page = try registry.send(.get("/api/v1/cluster")).object()
        let lost = try #require((page["members"] as? [[String: Any]])?.last)
        #expect(lost["state"] as? String == "lost")
        #expect(lost["name"] as? String == "registry-3")
        #expect(lost["protocol"] as? Int == 2)
        let since = try #require(lost["since"] as? String)
        #expect(
            try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(since)
                < Date(timeIntervalSince1970: 9e9))
        let error = try #require(lost["last_error"] as? [String: Any])
        #expect(error["age_ms"] as? Int == 500)
        #expect(error["text"] as? String == "the connection was silent for too long")
        let conflict = try #require((page["conflicts"] as? [[String: Any]])?.first)
        #expect(conflict["kind"] as? String == "name")
        #expect(conflict["value"] as? String == "registry-1")
        #expect(conflict["members"] as? [String] == ["10.0.0.1:6100", "10.0.0.3:6100"])
    }

    @Test func `the page and the metrics count the same, and members of both kinds`() throws {
        let registry = try Registry(.router, cluster: ReportingCluster(report: Self.report))
        let page = try registry.send(.get("/api/v1/cluster")).text
        let lines = Set(try registry.send(.get("/metrics")).text.split(separator: "\n"))
        for (name, count) in [
            ("changes_sent", 11), ("changes_received", 22), ("copies_sent", 33), ("copies_received", 44),
            ("overflows", 55),
            ("repairs", 60),
        ] {
            #expect(page.contains("\"\(name)\":\(count)"), "\(page)")
            #expect(lines.contains("a8registry_replication_\(name)_total \(count)"))
        }
        for line in [
            "a8registry_originals_unusable_total 6", "a8registry_originals_repairs_asked_total 7",
            "a8registry_originals_repairs_answered_total 8",
        ] {
            #expect(lines.contains(Substring(line)), "\(line)")
        }
    }

    @Test(
        arguments: [
            (.waiting, "waiting"), (.dialing, "dialing"), (.greeting, "greeting"), (.copying, "copying"),
            (.streaming, "streaming"),
            (.original, "original"), (.refused, "refused"), (.ourself, "ourself"), (.duplicate, "duplicate"),
            (.unreached, "unreached"),
        ] as [(PeerStatus.State, String)])
    func `a link says what it is at`(_ state: PeerStatus.State, _ word: String) throws {
        // R624 A link is waiting to be dialed again, dialing, greeting (proving who it is), copying, streaming,
        // original (a legacy peer), refused (reached, and one end does not let the other in), ourself (the address
        // leads back here), duplicate (another address leads to the same member) or unreached (it has reached us and
        // not we it).
        var status = Self.report.status
        status.peers[1].state = state
        let report = ClusterReport(status: status, originals: LegacyStatus())
        let page = try Registry(.router, cluster: ReportingCluster(report: report)).send(.get("/api/v1/cluster"))
            .object()
        let members = try #require(page["members"] as? [[String: Any]])
        #expect(members.last?["state"] as? String == word)
    }

    @Test func `the cluster's numbers are metrics, with labels of a closed set`() throws {
        let registry = try Registry(.router, cluster: ReportingCluster(report: Self.report))
        let lines = Set(try registry.send(.get("/metrics")).text.split(separator: "\n"))
        for line in [
            "a8registry_cluster_ready 1", "a8registry_cluster_size 2", "a8registry_cluster_expected_size 3",
            #"a8registry_cluster_members{state="streaming"} 1"#, #"a8registry_cluster_members{state="waiting"} 1"#,
            #"a8registry_cluster_members{state="copying"} 0"#, "a8registry_replication_lag_changes 3",
            "a8registry_replication_lag_seconds 0.004",
            "a8registry_replication_queued_bytes 5", "a8registry_cluster_digests_differing 0",
            "a8registry_cluster_clock_corrected 0",
        ] {
            #expect(lines.contains(Substring(line)), "\(line)")
        }
    }

    @Test func `a clock that the cluster does not believe is corrected in what is stamped`() throws {
        let registry = try Registry(.router, cluster: ReportingCluster(clockCorrection: -3_000_000_000))
        #expect(registry.context.registry.moment(monotonic: 0, wall: 10_000_000_000).wall == 7_000_000_000)
    }
}
