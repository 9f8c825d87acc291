// Every field of a registration: what is taken, and what it comes back as (docs/rest-api.md, R206–R221).

import Foundation
import TestSupport
import Testing

@testable import Serving

struct RegistrationFieldTests {
    @Test(arguments: Transport.allCases)
    func `a registration is JSON by its media type`(_ transport: Transport) throws {
        // R206 The media type must be application/json, in any letter case, and may be followed by parameters such as
        // charset; anything else, or none, is answered 415.
        let registry = try Registry(transport)
        func status(_ type: String?) throws -> Int {
            try registry.send(
                TestRequest("POST", "/api/v1/instances", type.map { [("Content-Type", $0)] } ?? [], body: Body().text)
            ).status
        }
        for type in [
            "application/json", "Application/JSON", "application/json;charset=utf-8", "application/json; charset=UTF-8",
            "application/json ; a=b", "application/json\t;a=b",
        ] {
            #expect(try status(type) == 201, "\(type)")
        }
        for type in [
            nil, "", "text/json", "application/jsonp", "application/json2; charset=utf-8",
            "application/json charset=utf-8",
            "application/json, text/plain", "application/vnd.api+json", "json", "application / json",
            ";application/json",
        ] {
            #expect(try status(type) == 415, "\(type ?? "none")")
        }
    }

    @Test(arguments: Transport.allCases)
    func `names are measured in bytes of UTF-8 after unescaping`(_ transport: Transport) throws {
        // R207 service_name must be 1 to 64 bytes of UTF-8, counted after JSON unescaping.
        // R209 endpoint.value must be 1 to 128 bytes of UTF-8, counted after JSON unescaping.
        let registry = try Registry(transport)
        for limit in [64, 128] {
            func status(_ json: String) throws -> Int {
                var body = Body()
                if limit == 64 { body.serviceName = json } else { body.value = json }
                return try registry.send(.register(body)).status
            }
            func text(_ character: String, _ count: Int) -> String {
                "\"" + String(repeating: character, count: count) + "\""
            }
            #expect(try status(text("a", 1)) == 201)
            #expect(try status(text("a", limit)) == 201)
            #expect(try status(text("a", limit + 1)) == 400)
            #expect(try status(#""""#) == 400)
            // Two, three and four bytes a character; and the same written as escapes, which are longer.
            #expect(try status(text("é", limit / 2)) == 201)
            #expect(try status(text("é", limit / 2 + 1)) == 400)
            #expect(try status(text("日", limit / 3)) == 201)
            #expect(try status(text("日", limit / 3 + 1)) == 400)
            #expect(try status(text("😀", limit / 4)) == 201)
            #expect(try status(text("😀", limit / 4 + 1)) == 400)
            #expect(try status(text(#"\u00e9"#, limit / 2)) == 201)
            #expect(try status(text(#"\u00e9"#, limit / 2 + 1)) == 400)
            #expect(try status(text(#"\ud83d\ude00"#, limit / 4)) == 201)
            #expect(try status(text(#"\ud83d\ude00"#, limit / 4 + 1)) == 400)
            #expect(try status(text(#"\n"#, limit)) == 201)
            #expect(try status(text(#"\u0000"#, limit)) == 201)
        }
    }

    @Test(arguments: Transport.allCases)
    func `a name comes back as the characters it stands for`(_ transport: Transport) throws {
        // R207 service_name must be 1 to 64 bytes of UTF-8, counted after JSON unescaping.
        let registry = try Registry(transport)
        for name in [
            "a b", "a/b", "\"\\\n\t\r\u{8}\u{C}", "\u{0}", "\u{7F}", "é", "e\u{301}", "日本", "😀", "\u{FFFF}\u{10FFFF}",
            "&<>'",
        ] {
            let object = try registry.registered(Body(name, name))
            #expect(
                (object["service_name"] as? String)?.utf8.elementsEqual(name.utf8) == true, "\(name.debugDescription)")
            let endpoint = try #require(object["endpoint"] as? [String: String])
            #expect(endpoint["value"]?.utf8.elementsEqual(name.utf8) == true, "\(name.debugDescription)")
        }
        let object = try registry.registered(
            {
                var body = Body()
                body.serviceName = #""\u0041\/\ud83d\uDE00\"""#
                return body
            }())
        #expect(object["service_name"] as? String == "A/😀\"")
        // Canonically equivalent is not equal: two services.
        #expect(instanceID("é", "http", "x") != instanceID("e\u{301}", "http", "x"))
        try registry.register(Body("é", "x"))
        try registry.register(Body("e\u{301}", "x"))
        #expect(
            try registry.send(.get("/api/v1/services/e%CC%81")).object()["service_name"].map { "\($0)".utf8.count } == 3
        )
    }

    @Test(arguments: Transport.allCases)
    func `an endpoint has one of five types`(_ transport: Transport) throws {
        // R208 endpoint.type must be exactly one of tcp, udp, http, https, user, in lower case.
        let registry = try Registry(transport)
        for type in ["tcp", "udp", "http", "https", "user"] {
            var body = Body()
            body.type = Body.quoted(type)
            let object = try registry.registered(body)
            #expect((object["endpoint"] as? [String: String])?["type"] == type)
        }
        for type in ["", "TCP", "Http", "http ", " http", "ftp", "htt", "httpx", "http\u{301}"] {
            var body = Body()
            body.type = Body.quoted(type)
            let answer = try registry.send(.register(body))
            #expect(answer.status == 400 && answer.error?.contains("endpoint.type") == true, "\(type)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `a ttl is fitted into what the registry grants`(_ transport: Transport) throws {
        // R210 A ttl of 0, or none, becomes DEFAULT_TTL.
        // R211 A ttl below MIN_TTL becomes MIN_TTL and one above MAX_TTL becomes MAX_TTL; neither is an error.
        // R204 ttl in the answer is the lease in whole seconds as it was granted.
        let registry = try Registry(transport)
        for (asked, granted) in [
            (nil, 30), ("0", 30), ("null", 30), ("1", 10), ("9", 10), ("10", 10), ("11", 11), ("599", 599),
            ("600", 600), ("601", 600),
            ("4294967295", 600),
        ] {
            var body = Body()
            body.rest = asked.map { [("ttl", $0)] } ?? []
            let answer = try registry.send(.register(body))
            #expect(answer.status == 201, "\(asked ?? "none")")
            #expect(try answer.object()["ttl"] as? Int == granted, "\(asked ?? "none")")
            #expect(try registry.send(.list()).instances().first?["ttl"] as? Int == granted, "\(asked ?? "none")")
        }
    }

    @Test(arguments: Transport.allCases)
    func `the bounds of a ttl are the operator's`(_ transport: Transport) throws {
        // R211 A ttl below MIN_TTL becomes MIN_TTL and one above MAX_TTL becomes MAX_TTL; neither is an error.
        let registry = try Registry(transport) {
            $0.minTTL = .milliseconds(1_500)
            $0.defaultTTL = .seconds(2)
            $0.maxTTL = .seconds(3)
        }
        for (asked, granted) in [("0", 2), ("1", 2), ("2", 2), ("3", 3), ("4", 3)] {
            #expect(
                try registry.send(.register(Body("web", "a", ["ttl": asked]))).object()["ttl"] as? Int == granted,
                "\(asked)")
        }
        // R256 … never before: 1.5 s are told as 2 and last 1.5.
        let id = try registry.register(Body("web", "a", ["ttl": "1"]))
        registry.clock.advance(milliseconds: 1_500)
        #expect(try registry.send(.instance(id)).status == 200)
        registry.clock.advance(milliseconds: 1)
        #expect(try registry.send(.instance(id)).status == 404)
    }

    @Test(arguments: Transport.allCases)
    func `a ttl is a whole number of seconds`(_ transport: Transport) throws {
        // R212 A ttl that is negative, has a fraction or an exponent, is quoted, or exceeds 4294967295 is answered 400.
        let registry = try Registry(transport)
        for ttl in [
            "-1", "-0", "1.0", "30.5", "3e1", "30e0", "1E2", #""30""#, "4294967296", "18446744073709551616", "1e999",
            "true", "[]", "{}",
            "-9999999999999999999999",
        ] {
            let answer = try registry.send(.register(Body("web", "a", ["ttl": ttl])))
            #expect(answer.status == 400 && answer.error?.contains("ttl") == true, "\(ttl): \(answer)")
        }
        for ttl in ["01", "+1", ".5", "1.", "0x1", "NaN", "Infinity"] {
            #expect(try registry.send(.register(Body("web", "a", ["ttl": ttl]))).status == 400, "\(ttl)")
        }
        #expect(try registry.ids("status=ALL").isEmpty)
    }

    @Test(arguments: Transport.allCases)
    func `a status is one of three, in any letter case`(_ transport: Transport) throws {
        // R213 status is read in any letter case and given back in upper case; absent or empty is UP.
        // R214 A registered status other than UP, STARTING and OUT_OF_SERVICE is answered 400.
        let registry = try Registry(transport)
        for (given, shown) in [
            ("UP", "UP"), ("up", "UP"), ("uP", "UP"), ("", "UP"), ("starting", "STARTING"), ("Starting", "STARTING"),
            ("out_of_service", "OUT_OF_SERVICE"), ("Out_Of_Service", "OUT_OF_SERVICE"),
        ] {
            #expect(
                try registry.registered(Body("web", "a", ["status": Body.quoted(given)]))["status"] as? String == shown,
                "\(given)")
        }
        #expect(try registry.registered(Body("web", "b"))["status"] as? String == "UP")
        for status in [
            "DOWN", "ALL", "UP ", " UP", "OUT OF SERVICE", "OUT-OF-SERVICE", "UP\u{0}", "UNKNOWN", "U\u{301}P",
            "ſtarting", "startıng",
        ] {
            let answer = try registry.send(.register(Body("web", "a", ["status": Body.quoted(status)])))
            #expect(answer.status == 400 && answer.error?.contains("status") == true, "\(status)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `tags come back as they were sent`(_ transport: Transport) throws {
        // R215 tags must be an array of strings; their order, and repeated ones, are kept.
        // R216 An instance without tags, or with an empty array of them, has no tags in answers.
        let registry = try Registry(transport)
        for tags in [["z", "a", "z", ""], ["é", "e\u{301}", "a,b", "\"\\\n\u{0}"], ["one"]] {
            let json = "[ " + tags.map(Body.quoted).joined(separator: " ,\n") + "]"
            let shown = try registry.registered(Body("web", "a", ["tags": json]))["tags"] as? [String]
            #expect(shown?.map { Array($0.utf8) } == tags.map { Array($0.utf8) })
        }
        for none in ["[]", "[ ]", "null"] {
            #expect(try registry.registered(Body("web", "a", ["tags": none]))["tags"] == nil, "\(none)")
        }
        for bad in [#""a""#, "{}", "1", #"["a",1]"#, "[null]", #"[["a"]]"#, "true"] {
            let answer = try registry.send(.register(Body("web", "a", ["tags": bad])))
            #expect(answer.status == 400 && answer.error?.contains("tags") == true, "\(bad)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `keys that nobody knows are passed over`(_ transport: Transport) throws {
        // R219 Unknown keys, in the body or in endpoint, are ignored, but their values must be valid JSON.
        let registry = try Registry(transport)
        let known = #""service_name":"web","endpoint":{"x":[{}],"type":"http","x":null,"value":"a"}"#
        let body =
            #"{"serviceName":1,"TTLs":-1,"id":"mine","last_heartbeat":"x","links":{},"":[1,{"a":1,"a":2}],\#(known),"ttl ":"x"}"#
        let answer = try registry.send(.register(text: body))
        #expect(answer.status == 201)
        #expect(try answer.object()["id"] as? String == instanceID("web", "http", "a"))
        #expect(try answer.object()["ttl"] as? Int == 30)
        // A key is known by the characters it stands for.
        #expect(try registry.send(.register(text: #"{\#(known),"\u0074tl":60}"#)).object()["ttl"] as? Int == 60)
        for value in ["tru", "[1,]", "{'a':1}", "01", "\"\u{1}\"", #""\x""#, "1 2", "nul", "[", "{\"a\"}"] {
            #expect(try registry.send(.register(text: #"{\#(known),"x":\#(value)}"#)).status == 400, "\(value)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `null is absence`(_ transport: Transport) throws {
        // R220 null for an optional field is the same as its absence; for a required one it is answered 400.
        let registry = try Registry(transport)
        let object = try registry.registered(
            Body("web", "a", ["ttl": "null", "status": "null", "tags": "null", "metadata": "null"]))
        #expect(Set(object.keys) == ["id", "service_name", "endpoint", "ttl", "status", "last_heartbeat"])
        #expect(object["status"] as? String == "UP")
    }

    @Test(arguments: Transport.allCases)
    func `known keys are taken in any letter case`(_ transport: Transport) throws {
        // R221 Known keys are taken in any ASCII letter case, as Amalgam8 took them.
        let registry = try Registry(transport)
        let body =
            #"{"Service_Name":"web","ENDPOINT":{"Type":"http","vAlUe":"a"},"TTL":60,"Status":"starting","Tags":["x"],"MetaData":{"A":1}}"#
        #expect(try registry.send(.register(text: body)).status == 201)
        let object = try registry.send(.instance(instanceID("web", "http", "a"))).object()
        #expect(object["status"] as? String == "STARTING" && object["ttl"] as? Int == 60)
        #expect(object["tags"] as? [String] == ["x"] && (object["metadata"] as? [String: Int]) == ["A": 1])
        // Escapes too stand for what they spell; letters beyond ASCII that Unicode folds to s and k do not.
        let known = #""service_name":"web","endpoint":{"type":"http","value":"a"}"#
        #expect(try registry.send(.register(text: #"{\#(known),"\u0054tL":90}"#)).object()["ttl"] as? Int == 90)
        #expect(try registry.send(.register(text: #"{\#(known),"\u017ftatus":1,"tag\u017f":1}"#)).status == 201)
        // R237 A known field given twice, in the body or in endpoint, is refused by its name: two spellings of one key
        // are one field.
        for (rest, field) in [
            (#""STATUS":"UP","status":"UP""#, "status"), (#""ttl":10,"Ttl":10"#, "ttl"),
            (#""Service_name":"web""#, "service_name"),
            (#""Endpoint":{"type":"http","value":"a"}"#, "endpoint"), (#""tags":[],"TAGS":[]"#, "tags"),
        ] {
            let answer = try registry.send(.register(text: "{\(known),\(rest)}"))
            #expect(answer.status == 400 && answer.error == "\(field) is given twice", "\(answer)")
        }
        for endpoint in [#""type":"http","Type":"http","value":"a""#, #""type":"http","value":"a","VALUE":"a""#] {
            let answer = try registry.send(.register(text: #"{"service_name":"web","endpoint":{\#(endpoint)}}"#))
            #expect(answer.status == 400 && answer.error?.hasSuffix("is given twice") == true, "\(answer)")
        }
    }
}
