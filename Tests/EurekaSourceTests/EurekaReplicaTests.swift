// What is asked of another Eureka, and what is shown of its answers: tables without a socket and without a clock. Rules
// are quoted from docs/catalogs.md.

import Catalog
import RegistryCore
import TestRandom
import TestTime
import Testing
import Time

@testable import EurekaSource

/// Writes lists as a server of Eureka does.
enum EurekaText {
    static func instance(
        _ id: String, _ app: String = "WEB", status: String = "UP", port: Int = 80, action: String? = nil,
        _ rest: String = ""
    ) -> String {
        """
        {"instanceId":"\(id)","hostName":"h-\(id)","app":"\(app)","ipAddr":"10.0.0.1","status":"\(status)",\
        "port":{"$":\(port),"@enabled":"true"},"securePort":{"$":443,"@enabled":"false"},\
        "dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"},\
        "lastUpdatedTimestamp":"1767225600000"\(action.map { ",\"actionType\":\"\($0)\"" } ?? "")\(rest)}
        """
    }

    static func list(_ apps: KeyValuePairs<String, [String]>, hash: String?) -> String {
        let applications = apps.map { #"{"name":"\#($0.key)","instance":[\#($0.value.joined(separator: ","))]}"# }
        let code = hash.map { #""apps__hashcode":"\#($0)","# } ?? ""
        return
            #"{"applications":{"versions__delta":"1",\#(code)"application":[\#(applications.joined(separator: ","))]}}"#
    }

    static func read(_ text: String) throws -> EurekaListing {
        try EurekaListing(json: Array(text.utf8), tagLimits: .standard, at: 1_767_225_600_000_000_000)
    }
}

struct EurekaReplicaTests {
    private static func list(_ instances: String..., hash: String?) throws -> EurekaListing {
        try EurekaText.read(EurekaText.list(["WEB": instances], hash: hash))
    }

    /// The macro that expects cannot call what changes a value.
    private static func fail(_ replica: inout EurekaReplica, hasNoChanges: Bool = false, at now: MonotonicTime) -> Bool
    {
        replica.fail(hasNoChanges: hasNoChanges, at: now)
    }

    private static func shown(_ replica: EurekaReplica) -> [String] {
        (replica.content[Name("WEB")] ?? []).map { $0.instance.id.description + "=" + $0.instance.status.token }
            .sorted()
    }

    @Test func `everything is read first, and then what has changed`() throws {
        // U101 Everything is read at first, and every 30 s after that what has changed.
        var replica = EurekaReplica(servers: 1, at: 0)
        #expect(replica.question == .everything)
        #expect(replica.next == 0)
        _ = replica.take(try Self.list(EurekaText.instance("a"), EurekaText.instance("b"), hash: "UP_2_"), at: 5)
        #expect(Self.shown(replica) == ["WEB:a=UP", "WEB:b=UP"])
        #expect(replica.question == .changes)
        #expect(replica.next == 30_005)
        let touched = replica.take(
            try Self.list(
                EurekaText.instance("a", status: "DOWN", action: "MODIFIED"),
                EurekaText.instance("b", action: "DELETED"), EurekaText.instance("c", action: "ADDED"),
                hash: "DOWN_1_UP_1_"), at: 30_005)
        #expect(touched.keys.map(\.text) == ["WEB"])
        #expect(Self.shown(replica) == ["WEB:a=DOWN", "WEB:c=UP"])
        #expect(replica.question == .changes)
    }

    @Test func `one hash code that disagrees is normal, and two lead to everything`() throws {
        // U102 The changes are checked by the hash code of the whole. When it disagrees twice in a row, since a
        // server's answers may be 30 s old, everything is read again.
        var replica = EurekaReplica(servers: 1, at: 0)
        _ = replica.take(try Self.list(EurekaText.instance("a"), hash: "UP_1_"), at: 0)
        _ = replica.take(try Self.list(hash: "UP_2_"), at: 30_000)
        #expect(replica.question == .changes)
        _ = replica.take(try Self.list(EurekaText.instance("b", action: "ADDED"), hash: "UP_2_"), at: 60_000)
        #expect(replica.question == .changes)
        _ = replica.take(try Self.list(hash: "UP_3_"), at: 90_000)
        _ = replica.take(try Self.list(hash: "UP_3_"), at: 120_000)
        #expect(replica.question == .everything)
        #expect(replica.next == 120_000)
        _ = replica.take(
            try Self.list(EurekaText.instance("a"), EurekaText.instance("c"), EurekaText.instance("d"), hash: "UP_3_"),
            at: 120_001)
        #expect(Self.shown(replica) == ["WEB:a=UP", "WEB:c=UP", "WEB:d=UP"])
        #expect(replica.question == .changes)
    }

    @Test func `a full list is believed, whatever it says of itself`() throws {
        var replica = EurekaReplica(servers: 1, at: 0)
        _ = replica.take(try Self.list(EurekaText.instance("a"), hash: "UP_9_"), at: 0)
        #expect(Self.shown(replica) == ["WEB:a=UP"])
        #expect(replica.question == .changes)
    }

    @Test func `a server without changes is asked for everything each time`() throws {
        // U103 A server that has no list of changes (404, 403) is asked for everything.
        var replica = EurekaReplica(servers: 1, at: 0)
        _ = replica.take(try Self.list(EurekaText.instance("a"), hash: nil), at: 0)
        #expect(replica.question == .changes)
        #expect(!Self.fail(&replica, hasNoChanges: true, at: 30_000))
        #expect(replica.question == .everything)
        #expect(replica.next == 30_000)
        #expect(Self.shown(replica) == ["WEB:a=UP"])
    }

    @Test func `the next server is asked at once, and after the last one comes a pause that grows`() throws {
        // U104 A server that does not answer is followed by the next of the URLs at once, and that is asked for
        // everything; after the last of them comes a pause of 1 s, which doubles up to 30 s.
        var replica = EurekaReplica(servers: 2, at: 0)
        _ = replica.take(try Self.list(EurekaText.instance("a"), hash: "UP_1_"), at: 0)
        #expect(!Self.fail(&replica, at: 30_000))
        #expect((replica.server, replica.question, replica.next) == (1, .everything, 30_000))
        #expect(Self.fail(&replica, at: 31_000))
        #expect((replica.server, replica.next) == (0, 32_000))
        var now: MonotonicTime = 32_000
        var pauses: [Duration] = []
        for _ in 0..<6 {
            #expect(!Self.fail(&replica, at: now))
            #expect(Self.fail(&replica, at: now))
            pauses.append(replica.next - now)
            now = replica.next
        }
        #expect(pauses == [2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
        #expect(Self.shown(replica) == ["WEB:a=UP"])
        // One that answers again is asked on.
        _ = replica.take(try Self.list(EurekaText.instance("b"), hash: "UP_1_"), at: now)
        #expect(Self.shown(replica) == ["WEB:b=UP"])
        #expect(!Self.fail(&replica, at: now + 30_000))
        #expect(Self.fail(&replica, at: now + 30_000))
        #expect(replica.next == now + 31_000)
    }

    @Test func `instances that cannot be shown are counted all the same`() throws {
        // U105 An instance that cannot be shown is a problem, and hides no other.
        var replica = EurekaReplica(servers: 1, at: 0)
        let bad = #"{"instanceId":"x","app":"WEB","status":"UP"}"#
        let listing = try Self.list(EurekaText.instance("a"), bad, hash: "UP_2_")
        #expect(listing.problems.map(\.description) == ["WEB/x: an instance has no hostName"])
        _ = replica.take(listing, at: 0)
        #expect(Self.shown(replica) == ["WEB:a=UP"])
        #expect(replica.hashCode == "UP_2_")
        _ = replica.take(try Self.list(hash: "UP_2_"), at: 1)
        _ = replica.take(try Self.list(hash: "UP_2_"), at: 2)
        #expect(replica.question == .changes)
        #expect(replica.count == 2)
    }

    @Test func `what is shown no more has to be read as a whole`() throws {
        var replica = EurekaReplica(servers: 1, at: 0)
        _ = replica.take(try Self.list(EurekaText.instance("a"), hash: "UP_1_"), at: 0)
        replica.forget()
        #expect(replica.question == .everything)
    }

    @Test(arguments: [UInt64.random(in: 0 ... .max), 1, 2])
    func `changes lead to what everything has`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var replica = EurekaReplica(servers: 1, at: 0)
        var model: [String: String] = [:]
        func hash() -> String {
            let counts = model.values.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            return counts.sorted { $0.key < $1.key }.map { "\($0.key)_\($0.value)_" }.joined()
        }
        _ = replica.take(try Self.list(hash: ""), at: 0)
        for round in 1...200 {
            var changes: [String] = []
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let id = "i\(Int.random(in: 0..<12, using: &random))"
                if Int.random(in: 0..<3, using: &random) == 0 {
                    model[id] = nil
                    changes.append(EurekaText.instance(id, action: "DELETED"))
                } else {
                    let status = ["UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"].randomElement(using: &random)!
                    changes.append(EurekaText.instance(id, status: status, action: "MODIFIED"))
                    model[id] = status
                }
            }
            let listing = try EurekaText.read(EurekaText.list(["WEB": changes], hash: hash()))
            _ = replica.take(listing, at: MonotonicTime(milliseconds: Int64(round)))
            #expect(replica.question == .changes, "seed \(seed)")
            #expect(Self.shown(replica) == model.map { "WEB:\($0.key)=\($0.value)" }.sorted(), "seed \(seed)")
        }
    }
}

struct EurekaListingTests {
    private static func instance(_ text: String, app: String = "WEB") throws -> LeasedInstance {
        let listing = try EurekaText.read(EurekaText.list([app: [text]], hash: nil))
        #expect(listing.problems == [])
        return try #require(listing.entries.first?.leased)
    }

    @Test func `an instance is shown as one that registers here by Eureka's API`() throws {
        // U106 Its service is the application, its id {app}:{instanceId}; it has the tags in the metadata key
        // amalgam8.tags, and the other metadata.
        let leased = try Self.instance(
            EurekaText.instance(
                "a:1", status: "OUT_OF_SERVICE", port: 8080,
                #","homePageUrl":"http://h/","vipAddress":"web.vip","metadata":{"zone":"z","amalgam8.tags":"v1; v2,","@class":"x","n":7}"#
            ))
        #expect(leased.instance.id.description == "WEB:a:1")
        #expect(leased.instance.serviceName.text == "WEB")
        #expect(
            leased.instance.endpoint == Endpoint(kind: .http, value: "h-a:1:8080")
                || leased.instance.endpoint.value == "[h-a:1]:8080")
        #expect(leased.instance.status == .outOfService)
        #expect(leased.instance.tags == ["v1", "v2", "eureka"])
        #expect(
            leased.instance.metadata.map { String(decoding: $0, as: UTF8.self) }
                == #"{"zone":"z","amalgam8.tags":"v1; v2,","n":"7"}"#)
        #expect(leased.instance.ttl == 0)
        #expect(leased.lastHeartbeat == 1_767_225_600_000_000_000)
        let extra = String(decoding: try #require(leased.instance.extra), as: UTF8.self)
        #expect(extra.hasPrefix(#"{"eureka":"{\"instanceId\":\"a:1\""#))
        #expect(extra.hasSuffix(#","vipAddress":"web.vip"}"#))
    }

    @Test func `what is of the moment is not kept, so that members have the same`() throws {
        func extra(_ rest: String) throws -> [UInt8]? {
            try Self.instance(EurekaText.instance("a", "WEB", rest)).instance.extra
        }
        let one = try extra(
            #","leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90,"lastRenewalTimestamp":1},"overriddenStatus":"UP""#
        )
        let other = try extra(
            #","leaseInfo":{"renewalIntervalInSecs":30,"durationInSecs":90,"lastRenewalTimestamp":2},"actionType":"ADDED""#
        )
        #expect(one == other)
        #expect(try #require(one).count > 100)
        #expect(one != (try extra(#","leaseInfo":{"renewalIntervalInSecs":5,"durationInSecs":90}"#)))
    }

    @Test func `what another registry has from a Eureka is not read from it, or two would keep it for ever`() throws {
        // U111 An instance that the other registry has read from a Eureka itself is not shown.
        let first = try Self.instance(EurekaText.instance("a", "WEB", #","metadata":{"zone":"z"}"#)).instance
        let extra = String(decoding: try #require(first.extra), as: UTF8.self)
        #expect(extra.contains(#"\"metadata\":{\"zone\":\"z\",\"amalgam8.source\":\"eureka\"}"#))
        let echo = EurekaText.instance("a", "WEB", #","metadata":{"zone":"z","amalgam8.source":"eureka"}"#)
        let listing = try EurekaText.read(EurekaText.list(["WEB": [echo]], hash: "UP_1_"))
        #expect(listing.entries.count == 1)
        #expect(listing.entries[0].leased == nil)
        #expect(listing.problems == [])
    }

    @Test func `an instance that was registered over REST there has its own service and id here`() throws {
        // U112 An instance that no client of Eureka has registered with a registry of this kind has the service and the
        // id that it has there.
        let rest = #","metadata":{"amalgam8.service":"Web","zone":"z"}"#
        let instance = try Self.instance(EurekaText.instance("a14b9cb4ebe2f7f4", "WEB", rest)).instance
        #expect(instance.serviceName.text == "Web")
        #expect(instance.id == .digest(0xa14b_9cb4_ebe2_f7f4))
        #expect(instance.metadata.map { String(decoding: $0, as: UTF8.self) } == #"{"zone":"z"}"#)
        let other = try Self.instance(
            EurekaText.instance("a", "WEB", #","metadata":{"amalgam8.service":"mail"}"#)
        ).instance
        #expect(other.serviceName.text == "WEB")
        #expect(other.id.description == "WEB:a")
    }

    @Test func `a change that is told again touches nothing`() throws {
        var replica = EurekaReplica(servers: 1, at: 0)
        _ = replica.take(
            try EurekaText.read(EurekaText.list(["WEB": [EurekaText.instance("a")]], hash: "UP_1_")), at: 0)
        let again = try EurekaText.read(
            EurekaText.list(
                ["WEB": [EurekaText.instance("a", action: "ADDED"), EurekaText.instance("b", action: "DELETED")]],
                hash: "UP_1_"))
        let touched = replica.take(again, at: 1)
        #expect(touched.isEmpty)
    }

    /// U107 The endpoint is `port` where that is enabled, the secure port where it alone is, else the host.
    @Test(
        arguments: [
            (#""port":{"$":80,"@enabled":"true"},"securePort":{"$":443,"@enabled":"true"}"#, "tcp h:80"),
            (#""port":{"$":"80","@enabled":"false"},"securePort":{"$":"443","@enabled":"true"}"#, "https h:443"),
            (#""port":{"$":80,"@enabled":true}"#, "tcp h:80"), (#""port":8080"#, "tcp h:8080"),
            (#""port":{"$":70000,"@enabled":"true"}"#, "tcp h"), (#""port":null"#, "tcp h"),
        ] as [(String, String)])
    func `an endpoint is the port that counts`(ports: String, expected: String) throws {
        let leased = try Self.instance(#"{"hostName":"h","app":"WEB",\#(ports)}"#)
        #expect("\(leased.instance.endpoint.kind.rawValue) \(leased.instance.endpoint.value)" == expected)
        // Without an instanceId, the host is it.
        #expect(leased.instance.id.description == "WEB:h")
    }

    @Test func `one application and one instance may stand without an array, and a name behind its instances`() throws {
        let listing = try EurekaText.read(
            #"{"applications":{"application":{"instance":{"hostName":"h","instanceId":"a"},"name":"web"},"apps__hashcode":"UP_1_"}}"#
        )
        #expect(listing.entries.map(\.key) == [EurekaKey(application: "WEB", id: "a")])
        #expect(listing.hashCode == "UP_1_")
        #expect(listing.entries.first?.leased?.instance.id.description == "web:a")
    }

    @Test func `a registry without applications is one`() throws {
        #expect(try EurekaText.read(#"{"applications":{"versions__delta":1,"apps__hashcode":""}}"#).entries.isEmpty)
    }

    @Test func `a status that Eureka does not know counts as UNKNOWN`() throws {
        #expect(try Self.instance(EurekaText.instance("a", status: "up")).instance.status == .up)
        #expect(
            try Self.instance(EurekaText.instance("a", status: "BORED")).instance.status == InstanceStatus("UNKNOWN"))
    }

    @Test(arguments: [
        "", "<html><body>It works!</body></html>", "[]", "{}", #"{"applications":[]}"#,
        #"{"applications":{"application":[{"name":"WEB","instance":[{"hostName":"h"}"#,
        #"{"applications":{"application":[7]}}"#,
    ])
    func `what is no list is refused with a sentence`(text: String) throws {
        #expect {
            try EurekaText.read(text)
        } throws: { error in
            (error as? SourceProblem)?.sentence.hasPrefix("what it answered is no list of applications: ") == true
        }
    }

    @Test func `names that are too long hide nobody else`() throws {
        let long = String(repeating: "x", count: 65)
        let listing = try EurekaText.read(
            EurekaText.list(
                [
                    long: [EurekaText.instance("a", long)],
                    "WEB": [EurekaText.instance(String(repeating: "i", count: 1_100)), EurekaText.instance("b")],
                ],
                hash: nil))
        #expect(listing.entries.compactMap { $0.leased?.instance.id.description } == ["WEB:b"])
        #expect(listing.problems.count == 2)
    }
}
