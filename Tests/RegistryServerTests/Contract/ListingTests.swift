// What a listing shows, filter by filter (docs/rest-api.md, R301–R317, R108, R109).

import Foundation
import System
import TestSupport
import Testing

@testable import Serving

struct ListingTests {
    /// A registry with one instance of each status in service `web`, and one up in `db`.
    private struct Scene {
        let registry: Registry
        let up, starting, out, db: String

        init(_ transport: Transport) throws {
            registry = try Registry(transport)
            up = try registry.register(Body("web", "up", ["tags": #"["a","b","é","x y"]"#]))
            starting = try registry.register(
                Body("web", "starting", ["status": #""STARTING""#, "tags": #"["b","a"]"#]))
            out = try registry.register(Body("web", "out", ["status": #""OUT_OF_SERVICE""#, "tags": #"["a",""]"#]))
            db = try registry.register(Body("db", "up", ["metadata": "{}"]))
        }

        func expect(_ query: String, _ ids: [String], _ location: SourceLocation = #_sourceLocation) throws {
            // R317: by service, then by id.
            let sorted = ids.filter { $0 == db } + ids.filter { $0 != db }.sorted()
            #expect(try registry.ids(query) == sorted, "\(query)", sourceLocation: location)
        }
    }

    @Test(arguments: Transport.allCases)
    func `nothing matching is an empty array`(_ transport: Transport) throws {
        // R301 The answer is {"instances":[…]}, and the array is empty when nothing matches.
        let registry = try Registry(transport)
        for query in ["", "status=ALL", "service_name=web", "tags=a&status=UP"] {
            let answer = try registry.send(.list(query))
            #expect(answer.status == 200)
            #expect(answer.text == #"{"instances":[]}"#)
        }
    }

    @Test(arguments: Transport.allCases)
    func `a status chooses, and without a filter only what is up is shown`(_ transport: Transport) throws {
        let scene = try Scene(transport)
        let all = [scene.up, scene.starting, scene.out, scene.db]
        // R302 Without a filter, only instances whose status is UP are listed.
        try scene.expect("", [scene.up, scene.db])
        // R303 status=ALL lists every status; status=X lists the instances whose status is X.
        // R304 UP, STARTING, OUT_OF_SERVICE and ALL match in any letter case; any other status is compared exactly.
        for word in ["ALL", "all", "aLL"] { try scene.expect("status=\(word)", all) }
        for word in ["UP", "up", "Up"] { try scene.expect("status=\(word)", [scene.up, scene.db]) }
        for word in ["STARTING", "starting"] { try scene.expect("status=\(word)", [scene.starting]) }
        for word in ["OUT_OF_SERVICE", "Out_of_Service"] { try scene.expect("status=\(word)", [scene.out]) }
        try scene.expect("status=DOWN", [])
        try scene.expect("status=UP,STARTING", [])
    }

    @Test(arguments: Transport.allCases)
    func `another filter shows every status`(_ transport: Transport) throws {
        let scene = try Scene(transport)
        let web = [scene.up, scene.starting, scene.out]
        // R305 A filter on another field alone does not hide STARTING or OUT_OF_SERVICE.
        // R306 service_name=X and id=X list the instances with exactly that service name or id.
        try scene.expect("service_name=web", web)
        try scene.expect("service_name=Web", [])
        try scene.expect("service_name=we", [])
        for id in web + [scene.db] { try scene.expect("id=\(id)", [id]) }
        try scene.expect("id=\(scene.up.uppercased())", [])
        try scene.expect("id=0000000000000000", [])
        // R307 tags=a,b lists the instances that have all of those tags.
        try scene.expect("tags=a", web)
        try scene.expect("tags=a,b", [scene.up, scene.starting])
        try scene.expect("tags=b,a,b", [scene.up, scene.starting])
        try scene.expect("tags=a,c", [])
        try scene.expect("tags=A", [])
        // R108 In a query, + and %20 are both a space, and names and values are percent-decoded once, as UTF-8.
        try scene.expect("tags=%C3%A9", [scene.up])
        try scene.expect("tags=x+y", [scene.up])
        try scene.expect("tags=x%20y%2Ca", [scene.up])
        try scene.expect("%74ags=%62", [scene.up, scene.starting])
        try scene.expect("tags=%2562", [])
    }

    @Test(arguments: Transport.allCases)
    func `tags are compared by their bytes`(_ transport: Transport) throws {
        // R307 tags=a,b lists the instances that have all of those tags. The same letter composed otherwise is another
        // tag.
        let registry = try Registry(transport)
        let composed = try registry.register(Body("web", "a", ["tags": #"["\u00e9","x"]"#]))
        let marked = try registry.register(Body("web", "b", ["tags": #"["x","\u0301y"]"#]))
        #expect(try registry.ids("tags=%C3%A9") == [composed])
        #expect(try registry.ids("tags=e%CC%81") == [])
        // A comma separates whatever follows it, a combining mark too.
        #expect(try registry.ids("tags=x,%CC%81y") == [marked])
    }

    @Test(arguments: Transport.allCases)
    func `tags may be many, and a repeated one counts once`(_ transport: Transport) throws {
        // R307 tags=a,b lists the instances that have all of those tags, in whatever order, and however many there are;
        // one that is named twice counts once.
        let registry = try Registry(transport) { $0.maxTags = 1_000 }
        let names = (0..<800).map { "t\($0)" }
        let all = try registry.register(
            Body("web", "all", ["tags": "[\(names.map(Body.quoted).joined(separator: ","))]"]))
        let twice = try registry.register(Body("web", "twice", ["tags": #"["t0","t0","t1","t1"]"#]))
        #expect(try registry.ids("tags=" + names.reversed().joined(separator: ",")) == [all])
        #expect(try registry.ids("tags=" + (names + ["t800"]).joined(separator: ",")) == [])
        #expect(try registry.ids("tags=t1,t0") == [all, twice].sorted())
        #expect(try registry.ids("tags=t0,t2") == [all])
        #expect(
            try registry.ids("tags=" + [String](repeating: "t0", count: 1_300).joined(separator: ","))
                == [all, twice].sorted())
        #expect(try registry.ids("tags=" + [String](repeating: "t0", count: 1_300).joined(separator: ",") + ",") == [])
    }

    @Test func `the dearest tags to ask for take as long as the instance is, not as both lists`() throws {
        // 2,000 times the same tag, and 1,000 others of one length, asked of an instance with 16,000: compared one by
        // one they are 32 million.
        let registry = try Registry(.router) {
            $0.maxTags = 65_536
            $0.maxTagsBytes = 65_536
        }
        let last = try registry.register(
            Body("web", "a", ["tags": "[" + String(repeating: #""b","#, count: 16_000) + #""a"]"#]))
        let others = (0..<1_000).map { String($0 + 100, radix: 32) }
        var generator = SystemRandomNumberGenerator()
        let queries = [[String](repeating: "a", count: 2_000), others.shuffled(using: &generator)]
        /// The processor's time for one query, in ns: what other tests do meanwhile is not in it.
        func work(_ query: [String], found: [String]) throws -> Int64 {
            let start = ThisThread.processorTime()
            #expect(try registry.ids("tags=" + query.joined(separator: ",")) == found)
            return ThisThread.processorTime() - start
        }
        // Each tag of the instance is looked at once, however many are asked for.
        let one = try work(["a"], found: [last])
        for (query, found) in zip(queries, [[last], []]) {
            let all = try work(query, found: found)
            #expect(all < 50 * one, "\(all) ns, and \(one) ns for one tag")
        }
    }

    @Test(arguments: Transport.allCases)
    func `an empty filter matches nothing`(_ transport: Transport) throws {
        let scene = try Scene(transport)
        // R308 tags=, or a list with an empty tag in it, matches nothing; so does an empty status, service_name or id.
        // R109 A query parameter without = has the empty value.
        for query in [
            "tags=", "tags", "tags=a,", "tags=,a", "tags=,", "tags=a,,b", "status=", "status", "service_name=",
            "service_name", "id=", "id",
        ] {
            try scene.expect(query, [])
            try scene.expect(query + "&fields=", [])
        }
    }

    @Test(arguments: Transport.allCases)
    func `filters are and-ed`(_ transport: Transport) throws {
        let scene = try Scene(transport)
        // R309 Several filters are and-ed.
        try scene.expect("service_name=web&status=UP", [scene.up])
        try scene.expect("status=STARTING&tags=a", [scene.starting])
        try scene.expect("id=\(scene.up)&service_name=web&tags=a,b&status=up", [scene.up])
        try scene.expect("id=\(scene.up)&service_name=db", [])
        try scene.expect("id=\(scene.up)&status=STARTING", [])
        try scene.expect("id=\(scene.db)&tags=a", [])
        try scene.expect("service_name=web&tags=", [])
        // R109 … an empty piece between two & is ignored.
        try scene.expect("&&status=ALL&&service_name=db&", [scene.db])
        try scene.expect("&", [scene.up, scene.db])
    }

    @Test(arguments: Transport.allCases)
    func `what is not a filter, and what comes twice, is refused`(_ transport: Transport) throws {
        let scene = try Scene(transport)
        let before = try scene.registry.everything()
        for query in [
            // R310 A filter on any other field, or an unknown parameter, is answered 400.
            "endpoint=a", "ttl=30", "metadata=x", "last_heartbeat=x", "links=x", "x=y", "x", "=", "=a", "Status=UP",
            "status%00=UP",
            "endpoint.value=up", "status=UP&limit=1", "service_name%3Dweb",
            // R311 A parameter given twice is answered 400.
            "status=UP&status=UP", "tags=a&tags=b", "fields=id&fields=id", "status=UP&%73tatus=UP", "id&id",
            "service_name=a&service_name=b",
            // R314 One unknown or empty name in a longer fields is answered 400.
            "fields=x", "fields=id,x", "fields=id,", "fields=,", "fields=,id", "fields=ID", "fields=id,%20ttl",
            "fields=id+ttl",
            "fields=endpoint.value",
            // R806 %00, and a % that is not followed by two hexadecimal digits, are answered 400 in the query of a page
            // that reads it.
            "tags=%", "tags=%4", "tags=%zz", "tags=a%", "%=a", "tags=%00", "status=UP&tags=%0",
            // R807 A query name or value that does not decode to UTF-8 is answered 400.
            "tags=%FF", "tags=%C3", "%FF=a", "tags=%C0%80", "tags=%ED%A0%80",
            // R820 A query of more than 32 parameters is answered 400.
            (0..<33).map { "\($0)=" }.joined(separator: "&"),
        ] {
            let answer = try scene.registry.send(.list(query))
            #expect(answer.status == 400 && answer.error != nil, "\(query): \(answer)")
        }
        #expect(try scene.registry.everything() == before)
    }

    @Test(arguments: Transport.allCases)
    func `fields chooses what is shown of an instance`(_ transport: Transport) throws {
        let registry = try Registry(transport)
        let id = try registry.register(Body("web", "a", ["tags": #"["t"]"#, "metadata": "1"]))
        func keys(_ query: String) throws -> Set<String> {
            Set(try #require(try registry.send(.list(query)).instances().first).keys)
        }
        // R312 fields=a,b keeps only those …; id and endpoint always stay.
        let names = ["id", "service_name", "endpoint", "ttl", "status", "metadata", "last_heartbeat", "links", "tags"]
        for name in names {
            #expect(try keys("fields=\(name)") == Set(["id", "endpoint", name]))
            #expect(try keys("fields=ttl,\(name),\(name)") == Set(["id", "endpoint", "ttl", name]))
        }
        #expect(try keys("fields=" + names.joined(separator: ",")) == Set(names))
        #expect(try keys("fields=ttl%2Cstatus") == ["id", "endpoint", "ttl", "status"])
        // R313 fields= keeps just id and endpoint.
        #expect(try keys("fields=") == ["id", "endpoint"])
        #expect(try keys("fields") == ["id", "endpoint"])
        // R315 Without fields, an instance has every field but links.
        #expect(try keys("") == Set(names).subtracting(["links"]))
        // R205 links.self and links.heartbeat.
        let links = try registry.send(.list("fields=links")).instances().first?["links"] as? [String: String]
        #expect(
            links == [
                "self": "http://registry.test:8080/api/v1/instances/\(id)",
                "heartbeat": "http://registry.test:8080/api/v1/instances/\(id)/heartbeat",
            ])
    }

    @Test(arguments: Transport.allCases)
    func `fields is not a filter`(_ transport: Transport) throws {
        // R316 fields is not a filter: fields=id alone still lists only UP.
        let scene = try Scene(transport)
        for fields in ["id", "", "status,links"] { try scene.expect("fields=\(fields)", [scene.up, scene.db]) }
    }

    @Test(arguments: Transport.allCases)
    func `the order is by service and id, as bytes`(_ transport: Transport) throws {
        // R317 The order is by service name, then by id, both compared as UTF-8 bytes.
        let registry = try Registry(transport)
        var expected: [(service: String, id: String)] = []
        for service in ["b", "a", "B", "é", "e\u{301}", "z", "aa", "\u{FFFD}", "😀", "日本", "\u{1}"] {
            for value in 0..<5 { expected.append((service, try registry.register(Body(service, "\(value)")))) }
        }
        expected.sort {
            $0.service.utf8.elementsEqual($1.service.utf8)
                ? $0.id < $1.id : $0.service.utf8.lexicographicallyPrecedes($1.service.utf8)
        }
        #expect(try registry.ids("") == expected.map(\.id))
        #expect(try registry.ids("status=ALL") == expected.map(\.id))
        let names = try #require(try registry.send(.get("/api/v1/services")).object()["services"] as? [String])
        var unique: [[UInt8]] = []
        for name in expected.map({ Array($0.service.utf8) }) where unique.last != name { unique.append(name) }
        #expect(names.map { Array($0.utf8) } == unique)
    }
}
