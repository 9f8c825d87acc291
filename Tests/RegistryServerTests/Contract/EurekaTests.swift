// Eureka's API as its clients use it (docs/eureka.md).

import Foundation
import TestEureka
import TestSupport
import Testing
import XML

@testable import Configuration
@testable import RegistryServer
@testable import Serving

extension TestRequest {
    /// A registration as py-eureka-client makes it.
    static func eureka(
        register app: String, _ id: String, dirty: Int64? = nil, status: String = "UP", base: String = "/eureka/v2",
        more: String = ""
    ) -> TestRequest {
        let stamp = dirty.map { #","lastDirtyTimestamp":"\#($0)""# } ?? ""
        let body = """
            {"instance":{"instanceId":"\(id)","hostName":"10.0.0.1","app":"\(app)","ipAddr":"10.0.0.1","status":"\(status)",\
            "port":{"$":8080,"@enabled":"true"},"securePort":{"$":443,"@enabled":"true"},"leaseInfo":{"durationInSecs":30},\
            "dataCenterInfo":{"@class":"x","name":"MyOwn"},"metadata":{"zone":"eu","my_key":"1"}\(stamp)\(more)}}
            """
        return TestRequest(
            "POST", "\(base)/apps/\(app)", [("Content-Type", "application/json")], body: Array(body.utf8))
    }

    static func eureka(_ method: String, _ path: String) -> TestRequest { TestRequest(method, "/eureka/v2" + path) }

    static func eurekaJSON(_ path: String) -> TestRequest {
        TestRequest("GET", "/eureka/v2" + path, [("Accept", "application/json")])
    }
}

extension Registry {
    func java(_ path: String) throws -> JavaApplications {
        try JavaDecoder.applications(try send(.eurekaJSON(path)).body)
    }

    func status(_ request: TestRequest) throws -> Int { try send(request).status }
}

struct EurekaTests {
    @Test(arguments: Transport.allCases, ["/eureka", "/eureka/v2", "/eureka/V1"])
    func `an instance registers, renews, is found and leaves`(_ transport: Transport, _ base: String) throws {
        // E101 The paths stand below /eureka/{version}, whatever the version, and below /eureka.
        // E201 A registration is answered 204. E301 A heartbeat is answered 200. E310 A cancellation is answered 200.
        let registry = try Registry(transport)
        let registered = try registry.send(.eureka(register: "MYAPP", "i1", base: base))
        #expect(registered.status == 204 && registered.body.isEmpty)
        let path = "\(base)/apps/MYAPP/i1"
        let renewed = try registry.send(TestRequest("PUT", "\(path)?status=UP&lastDirtyTimestamp=5"))
        #expect(renewed.status == 200 && renewed.body.isEmpty && renewed["Content-Type"] == nil)
        #expect(renewed["Content-Length"] == "0")
        let found = try JavaDecoder.instance(
            try registry.send(TestRequest("GET", path, [("Accept", "application/json")])).body)
        #expect(
            found.fields["instanceId"] == "i1" && found.fields["hostName"] == "10.0.0.1" && found.port == (8_080, true))
        #expect(found.metadata == ["zone": "eu", "my_key": "1"] && found.lease["durationInSecs"] == 30)
        #expect(try registry.status(TestRequest("DELETE", path)) == 200)
        for method in ["GET", "PUT", "DELETE"] {
            let gone = try registry.send(TestRequest(method, path))
            // E102 What is refused has no body.
            #expect(gone.status == 404 && gone.body.isEmpty && gone["Content-Type"] == nil)
        }
    }

    @Test(arguments: Transport.allCases)
    func `XML is what a client gets that asks for nothing, JSON who says so`(_ transport: Transport) throws {
        // E401
        let registry = try Registry(transport)
        #expect(try registry.status(.eureka(register: "A", "i1")) == 204)
        for path in ["/apps", "/apps/", "/apps/A", "/apps/A/i1", "/apps/delta", "/vips/a", "/instances/i1"] {
            let xml = try registry.send(.eureka("GET", path))
            #expect(xml.status == 200 && xml["Content-Type"] == "application/xml", "\(path)")
            _ = try XMLReader.read(xml.body)
            #expect(
                xml.headers.filter { $0.name == "Vary" }.map(\.value).joined(separator: ", ").contains(
                    "X-Eureka-Accept"))
            let json = try registry.send(.eurekaJSON(path))
            #expect(json.status == 200 && json["Content-Type"] == "application/json", "\(path)")
        }
        let root = try XMLReader.read(try registry.send(.eureka("GET", "/apps")).body)
        #expect(root.name == "applications" && root.child("apps__hashcode")?.text == "UP_1_")
        let instance = try #require(root.child("application")?.child("instance"))
        #expect(instance.child("metadata")?.child("my__key")?.text == "1")
        #expect(instance.child("port")?.text == "8080" && instance.child("port")?.attributes["enabled"] == "true")
        // E404
        let compact = try registry.send(.eurekaJSON("/apps").with("X-Eureka-Accept", "compact")).text
        #expect(!compact.contains("metadata") && !compact.contains("leaseInfo") && compact.contains("i1"))
    }

    @Test func `both protocols show what either has registered`() throws {
        // E206
        let registry = try Registry(.router)
        let id = try registry.register(Body("web", "10.0.0.9:80", ["tags": #"["a","b"]"#]))
        #expect(try registry.status(.eureka(register: "ratings", "host1", more: #","homePageUrl":"http://h/""#)) == 204)
        let apps = try registry.java("/apps")
        #expect(apps.order == ["RATINGS", "WEB"] && apps.hashCode == "UP_2_" && apps.hashCode == apps.reckonedHashCode)
        #expect(apps.applications["WEB"]?.first?.fields["instanceId"] == id)
        #expect(apps.applications["WEB"]?.first?.metadata["amalgam8.tags"] == "a,b")
        let rest = try registry.send(.instance("ratings:host1")).object()
        #expect(rest["service_name"] as? String == "ratings" && rest["status"] as? String == "UP")
        #expect((rest["endpoint"] as? [String: String]) == ["type": "http", "value": "10.0.0.1:8080"])
        #expect((rest["metadata"] as? [String: String]) == ["zone": "eu", "my_key": "1"])
        #expect(try registry.status(.eureka("PUT", "/apps/WEB/\(id)")) == 200)
        #expect(try registry.status(.renew("ratings:host1")) == 200)
    }

    @Test func `look-ups ignore the case of an application, and decode a path once`() throws {
        // E103
        let registry = try Registry(.router)
        #expect(try registry.status(TestRequest.eureka(register: "MY%20APP_1", "x")) == 400)
        let body = try #require(TestRequest.eureka(register: "my app_1", "127.0.0.1:my app_1:9090").body as [UInt8]?)
        #expect(
            try registry.status(
                TestRequest("POST", "/eureka/apps/MY%20APP_1", [("Content-Type", "application/json")], body: body))
                == 204)
        let id = "127.0.0.1%3Amy%20app_1%3A9090"
        for app in ["MY%20APP_1", "my%20app_1"] {
            #expect(try registry.status(TestRequest("PUT", "/eureka/apps/\(app)/\(id)?status=UP")) == 200, "\(app)")
            #expect(try registry.status(.eureka("GET", "/apps/\(app)")) == 200)
        }
        #expect(try registry.java("/apps").order == ["MY APP_1"])
        // Registered again in another case, it is still one.
        #expect(
            try registry.status(
                TestRequest("POST", "/eureka/apps/my%20app_1", [("Content-Type", "application/json")], body: body))
                == 204)
        #expect(try registry.java("/apps").applications["MY APP_1"]?.count == 1)
    }

    @Test func `a heartbeat is judged by lastDirtyTimestamp`() throws {
        // E302–E304
        let registry = try Registry(.router)
        #expect(try registry.status(.eureka(register: "A", "i", dirty: 1_000)) == 204)
        registry.clock.advance(milliseconds: 20_000)
        #expect(try registry.status(.eureka("PUT", "/apps/A/i?lastDirtyTimestamp=2000")) == 404)
        // It was renewed all the same.
        registry.clock.advance(milliseconds: 20_000)
        #expect(try registry.status(.eureka("PUT", "/apps/A/i?lastDirtyTimestamp=1000")) == 200)
        #expect(try registry.status(.eureka("PUT", "/apps/A/i?lastDirtyTimestamp=999")) == 200)
        let older = try registry.send(
            .eureka("PUT", "/apps/A/i?lastDirtyTimestamp=999").with("x-netflix-discovery-replication", "true")
                .with("Accept", "application/json"))
        #expect(older.status == 409)
        #expect(try JavaDecoder.instance(older.body).fields["lastDirtyTimestamp"] == "1000")
    }

    @Test func `an older registration keeps what is there, with a new lease`() throws {
        // E202
        let registry = try Registry(.router)
        #expect(try registry.status(.eureka(register: "A", "i", dirty: 1_000, status: "UP")) == 204)
        registry.clock.advance(milliseconds: 20_000)
        #expect(try registry.status(.eureka(register: "A", "i", dirty: 999, status: "DOWN")) == 204)
        registry.clock.advance(milliseconds: 20_000)
        #expect(try registry.java("/apps").hashCode == "UP_1_")
        #expect(try registry.status(.eureka(register: "A", "i", dirty: 1_000, status: "DOWN")) == 204)
        #expect(try registry.java("/apps").hashCode == "DOWN_1_")
    }

    @Test func `an instance that registered as out of service expires nevertheless`() throws {
        // E207
        let registry = try Registry(.router)
        #expect(try registry.status(.eureka(register: "A", "i", status: "OUT_OF_SERVICE")) == 204)
        #expect(try registry.java("/apps").hashCode == "OUT_OF_SERVICE_1_")
        registry.clock.advance(milliseconds: 31_000)
        registry.sweep()
        #expect(try registry.java("/apps").hashCode == "")
    }

    @Test func `unknown applications are 404, unknown virtual addresses an empty list`() throws {
        // E405, E406
        let registry = try Registry(.router)
        #expect(
            try registry.status(.eureka(register: "A", "i", more: #","vipAddress":"one,Two","secureVipAddress":"sec""#))
                == 204)
        #expect(try registry.status(.eureka("GET", "/apps/B")) == 404)
        #expect(try registry.status(.eureka("GET", "/instances/nobody")) == 404)
        for (path, count) in [
            ("/vips/two", 1), ("/vips/ONE", 1), ("/vips/one,Two", 0), ("/svips/sec", 1), ("/svips/one", 0),
            ("/vips/none", 0),
        ] {
            let found = try registry.java(path)
            #expect(
                found.applications.values.joined().count == count && found.hashCode == found.reckonedHashCode, "\(path)"
            )
        }
    }

    @Test func `a delta has each change once, with the hash code of everything`() throws {
        // E408–E413
        let registry = try Registry(.router)
        for number in 1...3 { #expect(try registry.status(.eureka(register: "A", "i\(number)")) == 204) }
        registry.clock.advance(milliseconds: 20_000)
        for number in 1...3 { #expect(try registry.status(.eureka("PUT", "/apps/A/i\(number)")) == 200) }
        registry.clock.advance(milliseconds: 20_000)
        for number in 1...3 { #expect(try registry.status(.eureka("PUT", "/apps/A/i\(number)")) == 200) }
        for _ in 0..<8 {
            registry.clock.advance(milliseconds: 20_000)
            for number in 1...3 { #expect(try registry.status(.eureka("PUT", "/apps/A/i\(number)")) == 200) }
        }
        let old = try registry.java("/apps/delta")
        #expect(old.applications.isEmpty && old.hashCode == "UP_3_")
        #expect(try registry.status(.eureka(register: "A", "i2", status: "DOWN")) == 204)
        #expect(try registry.status(.eureka(register: "A", "i2", status: "STARTING")) == 204)
        #expect(try registry.status(.eureka("DELETE", "/apps/A/i3")) == 200)
        #expect(try registry.status(.eureka(register: "B", "j")) == 204)
        let delta = try registry.java("/apps/delta")
        let actions = Dictionary(
            uniqueKeysWithValues: delta.applications.values.joined().map {
                ($0.fields["instanceId"] ?? "", $0.fields["actionType"] ?? "")
            })
        #expect(actions == ["i2": "MODIFIED", "i3": "DELETED", "j": "ADDED"])
        let all = try registry.java("/apps")
        #expect(
            delta.hashCode == "STARTING_1_UP_2_" && all.hashCode == delta.hashCode
                && all.reckonedHashCode == delta.hashCode)
        // py-eureka-client ignores a delta whose version and hash code stand still.
        #expect(delta.version == all.version && delta.version != old.version)
        #expect(try registry.status(.eureka(register: "B", "j", more: #","asgName":"x""#)) == 204)
        #expect(try registry.java("/apps/delta").version != delta.version)
    }

    @Test func `an answer that a client has is 304, and compressed where that is offered`() throws {
        // E407
        let registry = try Registry(.live)
        for number in 1...20 { #expect(try registry.status(.eureka(register: "A", "i\(number)")) == 204) }
        let first = try registry.send(.eurekaJSON("/apps"))
        let tag = try #require(first["ETag"])
        #expect(try registry.status(.eurekaJSON("/apps").with("If-None-Match", tag)) == 304)
        #expect(try registry.status(.eureka("GET", "/apps").with("If-None-Match", tag)) == 200)
        let packed = try registry.send(.eurekaJSON("/apps").with("Accept-Encoding", "gzip, deflate"))
        #expect(packed["Content-Encoding"] == "gzip" && packed.body.count < first.body.count / 2)
        #expect(first["Content-Encoding"] == nil)
    }

    @Test(arguments: [
        "", "{}", "<", "<a/>", #"{"instance":{"hostName":"h","ipAddr":"1.2.3.4"}}"#,
        #"{"instance":{"hostName":"h","app":"A"}}"#,
    ])
    func `a registration that is none is 400 without a body`(_ body: String) throws {
        // E203
        let answer = try Registry(.router).send(
            TestRequest("POST", "/eureka/v2/apps/A", [("Content-Type", "application/json")], body: Array(body.utf8)))
        #expect(answer.status == 400 && answer.body.isEmpty)
    }

    @Test func `XML registers too`() throws {
        // E204
        let registry = try Registry(.router)
        let xml =
            "<instance><hostName>h</hostName><app>A</app><ipAddr>1.2.3.4</ipAddr><status>UP</status><port enabled=\"true\">80</port></instance>"
        #expect(
            try registry.status(
                TestRequest("POST", "/eureka/v2/apps/A", [("Content-Type", "application/xml")], body: Array(xml.utf8)))
                == 204)
        #expect(try registry.java("/apps").applications["A"]?.first?.fields["instanceId"] == "h")
    }

    @Test func `the credential is in the path, the header or the password`() throws {
        // E110–E112
        let registry = try Registry(.router) { $0.authMode = [.trusted] }
        let body = TestRequest.eureka(register: "A", "i").body
        let json = [("Content-Type", "application/json")]
        #expect(try registry.status(TestRequest("POST", "/eureka/v2/apps/A", json, body: body)) == 401)
        #expect(try registry.status(TestRequest("POST", "/api/eureka/one/v2/apps/A", json, body: body)) == 204)
        let basic = Data("user:one".utf8).base64EncodedString()
        for request in [
            TestRequest.get("/api/eureka/one/v2/apps"), TestRequest.get("/eureka/v2/apps").bearing("one"),
            TestRequest.get("/eureka/v2/apps").with("Authorization", "Basic \(basic)"),
        ] { #expect(try registry.send(request).text.contains("<name>A</name>"), "\(request)") }
        #expect(try !registry.send(.get("/api/eureka/two/v2/apps")).text.contains("<name>A</name>"))
        // What hides a token is none.
        #expect(try registry.status(.get("/api/eureka/***/v2/apps")) == 401)
        #expect(try registry.status(TestRequest.get("/eureka/v2/apps").with("Authorization", "Basic ?")) == 401)
    }

    @Test func `plain requests are sent to HTTPS with 308, without their token`() throws {
        // E113
        let registry = try Registry(.router) { $0.requireHTTPS = true }
        let answer = try registry.send(.get("/eureka/v2/apps?x=1"))
        #expect(
            answer.status == 308 && answer["Location"]?.hasSuffix("/eureka/v2/apps?x=1") == true && answer.body.isEmpty)
        let hidden = try registry.send(.get("/api/eureka/secret/v2/apps"))
        #expect(hidden.status == 308 && hidden["Location"]?.hasSuffix("/api/eureka/***/v2/apps") == true)
        #expect(try registry.send(.get("/api/v1/instances")).status == 301)
    }

    @Test func `an override counts until it is removed, and outlives registrations and the instance`() throws {
        // E501–E504 and R292: it survives.
        let registry = try Registry(.router)
        #expect(try registry.status(.eureka(register: "A", "i")) == 204)
        #expect(try registry.status(.eureka("PUT", "/apps/A/i/status")) == 400)
        #expect(try registry.status(.eureka("PUT", "/apps/A/i/status?value=BUSY")) == 400)
        #expect(try registry.status(.eureka("PUT", "/apps/A/none/status?value=DOWN")) == 404)
        #expect(try registry.status(.eureka("PUT", "/apps/a/i/status?value=out_of_service")) == 200)
        func shown() throws -> JavaInstance { try #require(try registry.java("/apps").applications["A"]?.first) }
        #expect(
            try shown().fields["status"] == "OUT_OF_SERVICE" && shown().fields["overriddenStatus"] == "OUT_OF_SERVICE")
        #expect(try registry.java("/apps/delta").hashCode == "OUT_OF_SERVICE_1_")
        #expect(try registry.status(.eureka(register: "A", "i", status: "UP")) == 204)
        #expect(try shown().fields["status"] == "OUT_OF_SERVICE")
        #expect(try registry.ids("") == [])
        #expect(try registry.status(.eureka("DELETE", "/apps/A/i")) == 200)
        #expect(try registry.status(.eureka(register: "A", "i", status: "UP")) == 204)
        #expect(try shown().fields["status"] == "OUT_OF_SERVICE")
        #expect(try registry.status(.eureka("DELETE", "/apps/A/i/status?value=UP")) == 200)
        #expect(try shown().fields["status"] == "UP" && shown().fields["overriddenStatus"] == "UNKNOWN")
        #expect(try registry.status(.eureka("DELETE", "/apps/A/i/status")) == 200)
    }

    @Test func `metadata is added to, until the client registers again`() throws {
        // E505
        let registry = try Registry(.router)
        #expect(try registry.status(.eureka(register: "A", "i", dirty: 1_000)) == 204)
        #expect(try registry.status(.eureka("PUT", "/apps/A/i/metadata?weight=3&zone=us")) == 200)
        let found = try #require(try registry.java("/apps").applications["A"]?.first)
        #expect(
            found.metadata == ["zone": "us", "my_key": "1", "weight": "3"]
                && found.fields["lastDirtyTimestamp"] == "1000")
        #expect(try registry.status(.eureka("PUT", "/apps/A/none/metadata?a=1")) == 404)
    }

    @Test func `a batch of a Netflix server is carried out element by element`() throws {
        // E601–E604
        let registry = try Registry(.router)
        #expect(try registry.status(.eureka(register: "A", "held", dirty: 1_000)) == 204)
        func send(_ elements: String) throws -> [[String: Any]] {
            let answer = try registry.send(
                TestRequest(
                    "POST", "/eureka/v2/peerreplication/batch/", [("Content-Type", "application/json")],
                    body: Array(#"{"replicationList":[\#(elements)]}"#.utf8)))
            #expect(answer.status == 200)
            return try #require(try answer.object()["responseList"] as? [[String: Any]])
        }
        let info =
            #"{"instanceId":"new","hostName":"h","app":"B","ipAddr":"1.2.3.4","status":"UP","lastDirtyTimestamp":"7"}"#
        let results = try send(
            """
            {"action":"Register","appName":"B","id":"new","instanceInfo":\(info)},{"action":"Heartbeat","appName":"B","id":"new","lastDirtyTimestamp":7},
            {"action":"Heartbeat","appName":"B","id":"none"},{"action":"Heartbeat","appName":"A","id":"held","lastDirtyTimestamp":999},
            {"action":"Heartbeat","appName":"A","id":"held","lastDirtyTimestamp":1001},{"action":"StatusUpdate","appName":"A","id":"held","status":"DOWN"},
            {"action":"Nonsense"},{"action":"Register","appName":"B","id":"x"},{"action":"Cancel","appName":"B","id":"new"},{"action":"Cancel","appName":"B","id":"new"}
            """)
        #expect(results.map { $0["statusCode"] as? Int } == [200, 200, 404, 409, 404, 200, 400, 400, 200, 404])
        #expect((results[3]["responseEntity"] as? [String: Any])?["lastDirtyTimestamp"] as? String == "1000")
        #expect(try registry.java("/apps").hashCode == "DOWN_1_")
        #expect(
            try send(#"{"action":"DeleteStatusOverride","appName":"A","id":"held"}"#).first?["statusCode"] as? Int
                == 200)
        #expect(try registry.java("/apps").hashCode == "UP_1_")
        // An override from before this registry was a peer comes with the registration, unless there is one here.
        func register(_ status: String) -> String {
            #"{"action":"Register","appName":"A","id":"held","instanceInfo":{"instanceId":"held","hostName":"h","app":"A","#
                + #""ipAddr":"1.2.3.4","status":"\#(status)","overriddenStatus":"\#(status)","lastDirtyTimestamp":"2000"}}"#
        }
        for id in ["fresh", "held"] {
            _ = try send(register("OUT_OF_SERVICE").replacingOccurrences(of: "held", with: id))
        }
        #expect(try registry.status(.eureka(register: "A", "fresh", dirty: 3_000)) == 204)
        #expect(try registry.status(.eureka(register: "A", "held", dirty: 3_000)) == 204)
        #expect(try registry.java("/apps").hashCode == "OUT_OF_SERVICE_1_UP_1_")
        #expect(try registry.status(.eureka("DELETE", "/apps/A/fresh/status")) == 200)
        #expect(try registry.java("/apps").hashCode == "UP_2_")
        let many = Array(repeating: "{}", count: 1_001).joined(separator: ",")
        for body in ["{}", "[]", #"{"replicationList":[\#(many)]}"#] {
            #expect(
                try registry.status(TestRequest("POST", "/eureka/peerreplication/batch", body: Array(body.utf8))) == 400
            )
        }
        // E605 is a cluster's: without the others' copy nobody knows what is unknown.
    }

    @Test func `without EUREKA its paths are unknown`() throws {
        // E114
        var settings = Settings.defaults
        #expect(Protocols.routes(settings).routes.count == Protocols.routes.routes.count)
        settings.eureka = false
        #expect(!Protocols.routes(settings).routes.contains { $0.path.contains("eureka") })
    }
}
