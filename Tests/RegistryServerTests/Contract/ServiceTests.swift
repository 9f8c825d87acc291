// Services, and the paths that name them (docs/rest-api.md, R401–R406, R106, R107).

import Foundation
import TestSupport
import Testing

@testable import Serving

struct ServiceTests {
    @Test(arguments: Transport.allCases)
    func `services are listed by name as long as they have an instance`(_ transport: Transport) throws {
        // R401 GET /api/v1/services answers {"services":["name",…]}, sorted by UTF-8 bytes, and [] when there are none.
        // R402 A service is listed as long as it has an instance, of whatever status.
        let registry = try Registry(transport)
        #expect(try registry.send(.get("/api/v1/services")).text == #"{"services":[]}"#)
        try registry.register(Body("b", "1", ["status": #""STARTING""#]))
        try registry.register(Body("a", "1", ["status": #""OUT_OF_SERVICE""#]))
        let last = try registry.register(Body("c\"", "1"))
        try registry.register(Body("b", "2"))
        #expect(try registry.send(.get("/api/v1/services")).text == #"{"services":["a","b","c\""]}"#)
        #expect(try registry.send(.remove(last)).status == 200)
        // R405 The query string of both is ignored, but for wait.
        #expect(try registry.send(.get("/api/v1/services?x=y&x=y&status=DOWN")).text == #"{"services":["a","b"]}"#)
    }

    @Test(arguments: Transport.allCases)
    func `a service shows its instances of every status`(_ transport: Transport) throws {
        // R403 GET /api/v1/services/{name} answers {"service_name":…,"instances":[…]} with the instances of every
        // status, sorted by id. R404 Its instances have every field but links. R405 The query string of both is
        // ignored.
        let registry = try Registry(transport)
        var ids: [String] = []
        for number in 0..<12 {
            let status = ["UP", "STARTING", "OUT_OF_SERVICE"][number % 3]
            ids.append(
                try registry.register(
                    Body("web", "\(number)", ["status": Body.quoted(status), "tags": #"["t"]"#, "metadata": "[]"])))
        }
        try registry.register(Body("web2", "x"))
        for query in ["", "?status=UP&fields=id&tags=none&unknown=1"] {
            let object = try registry.send(.get("/api/v1/services/web\(query)")).object()
            #expect(Set(object.keys) == ["service_name", "instances"])
            #expect(object["service_name"] as? String == "web")
            let instances = try #require(object["instances"] as? [[String: Any]])
            #expect(instances.map { $0["id"] as? String } == ids.sorted())
            for instance in instances {
                #expect(
                    Set(instance.keys) == [
                        "id", "service_name", "endpoint", "ttl", "status", "metadata", "last_heartbeat", "tags",
                    ])
            }
        }
    }

    @Test(arguments: Transport.allCases)
    func `a service without instances is not found`(_ transport: Transport) throws {
        // R406 A service without instances is answered 404.
        let registry = try Registry(transport)
        try registry.register(Body("web", "a"))
        for name in ["web2", "we", "Web", "web%20", "%20web", "web%2F", "%2Fweb"] {
            let answer = try registry.send(.get("/api/v1/services/\(name)"))
            #expect(answer.status == 404 && answer.error != nil, "\(name)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `a name in a path is decoded once`(_ transport: Transport) throws {
        // R107 Path segments are percent-decoded once, as UTF-8; %2F stays inside its segment and + stays a plus sign.
        let registry = try Registry(transport)
        let names: [(name: String, segments: [String])] = [
            ("a/b", ["a%2Fb", "a%2fb", "%61%2F%62"]), ("a b", ["a%20b"]), ("a+b", ["a+b", "a%2Bb"]),
            ("é", ["%C3%A9", "%c3%a9"]),
            ("%41", ["%2541"]), ("100%", ["100%25"]), ("a?b", ["a%3Fb"]), ("a#b", ["a%23b"]),
            ("日本", ["%E6%97%A5%E6%9C%AC"]),
            ("😀", ["%F0%9F%98%80"]), ("/", ["%2F"]), ("a.b", ["a.b", "a%2Eb"]), ("...", ["...", "%2E%2E%2E"]),
            ("heartbeat", ["heartbeat"]),
            ("a;b=c", ["a;b=c"]), ("~!$&'()*,=:@", ["~!$&'()*,=:@"]), ("\"<>\\^`{|}", ["%22%3C%3E%5C%5E%60%7B%7C%7D"]),
        ]
        for (name, _) in names { try registry.register(Body(name, "x")) }
        for (name, segments) in names {
            for segment in segments {
                let answer = try registry.send(.get("/api/v1/services/\(segment)"))
                #expect(answer.status == 200, "\(segment)")
                #expect(try answer.object()["service_name"] as? String == name, "\(segment)")
            }
        }
        #expect(try registry.send(.get("/api/v1/services/a%2520b")).status == 404)
        #expect(try registry.send(.get("/%61pi/v%31/services")).status == 200)
        #expect(try registry.send(.get("/api%2Fv1/services")).status == 404)
    }
}
