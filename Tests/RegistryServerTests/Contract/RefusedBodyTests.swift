// Bodies that cannot be used: each is answered 400, blames the right field, and changes nothing (docs/rest-api.md,
// R231–R238).

import Foundation
import TestSupport
import Testing

@testable import Serving

/// One bad body, and the field that its sentence has to name.
struct BadBody: Sendable {
    let bytes: [UInt8]
    var field: String?

    init(_ text: String, naming field: String? = nil) { self.init(bytes: Array(text.utf8), naming: field) }

    init(bytes: [UInt8], naming field: String? = nil) {
        self.bytes = bytes
        self.field = field
    }
}

struct RefusedBodyTests {
    private static let good = #"{"service_name":"web","endpoint":{"type":"http","value":"a"}}"#
    private static let open = #"{"service_name":"web","endpoint":{"type":"http","value":"a"}"#

    private static func nested(_ levels: Int) -> String {
        String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }

    static let table: [(rule: String, bodies: [BadBody])] = [
        (
            "R231 The body must be one complete JSON value.",
            (0..<good.utf8.count).map { BadBody(bytes: Array(good.utf8.prefix($0))) } + [
                BadBody(" "), BadBody("\r\n\t "),
            ]
        ),
        (
            "R232 Nothing but white space may follow the object.",
            ["\(good) x", "\(good)\(good)", "\(good),", "\(good)}", "\(good)\u{0}", "\(good)\u{FEFF}", "\(good)//"].map
            { BadBody($0) }
        ),
        (
            "R233 The body must be a JSON object.",
            ["[\(good)]", "\"\"", "1", "null", "true", "-0.5e3"].map { BadBody($0) }
        ),
        (
            "R234 The body must be valid UTF-8, and its strings valid Unicode.",
            [
                BadBody(bytes: [0xEF, 0xBB, 0xBF] + Array(good.utf8)),
                BadBody(bytes: Array(good.utf16).flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }),
                BadBody(#"\#(open),"x":"\ud800"}"#), BadBody(#"\#(open),"x":"\udc00"}"#),
                BadBody(#"\#(open),"x":"\ud800\u0041"}"#),
                BadBody(#"\#(open),"\ud800":1}"#), BadBody(#"\#(open),"metadata":"\ud83d"}"#),
                BadBody(#"\#(open),"tags":["\ude00\ud83d"]}"#),
            ]
                + [
                    [0xFF], [0xC0, 0x80], [0xC3], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80],
                ].flatMap { bad in
                    ["x", "metadata"].map {
                        BadBody(bytes: Array(#"\#(open),"\#($0)":""#.utf8) + bad + Array("\"}".utf8))
                    }
                }
        ),
        (
            "R235 Nesting must not exceed 64 levels.",
            [
                BadBody(#"\#(open),"x":\#(nested(64))}"#), BadBody(#"\#(open),"metadata":\#(nested(64))}"#),
                BadBody(#"{"x":\#(String(repeating: #"{"a":"#, count: 64))1\#(String(repeating: "}", count: 64))}"#),
                BadBody(#"\#(open),"x":\#(nested(30_000))}"#),
                BadBody(#"\#(open),"x":\#(String(repeating: "[", count: 60_000))"#),
            ]
        ),
        (
            "R236 A known field of the wrong type is refused by its name.",
            [
                ("service_name", ["1", "[]", "{}", "true"]), ("endpoint", ["1", "[]", #""http://a""#, "false"]),
                ("ttl", [#""1""#, "[]", "{}", "true"]), ("status", ["1", "[]", "{}", "true"]),
                ("tags", ["1", "{}", #""a""#, "[1]"]),
            ].flatMap { (field: String, values: [String]) in
                values.map { value in
                    var members = ["service_name": #""web""#, "endpoint": #"{"type":"http","value":"a"}"#]
                    members[field] = value
                    return BadBody("{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}", naming: field)
                }
            }
                + ["type", "value"].flatMap { field in
                    ["1", "[]", "{}", "true"].map { value in
                        var members = ["type": #""http""#, "value": #""a""#]
                        members[field] = value
                        let endpoint = members.map { "\"\($0)\":\($1)" }.joined(separator: ",")
                        return BadBody(
                            #"{"service_name":"web","endpoint":{\#(endpoint)}}"#, naming: "endpoint.\(field)")
                    }
                }
        ),
        (
            "R237 A known field given twice, in the body or in endpoint, is refused by its name.",
            [
                ("service_name", #""web""#), ("endpoint", #"{"type":"http","value":"a"}"#), ("ttl", "10"),
                ("status", #""UP""#),
                ("tags", "[]"), ("metadata", "1"), ("ttl", "null"), ("metadata", "null"),
            ].map { (field: String, value: String) in
                let twice = #""\#(field)":\#(value),"\#(field)":\#(value)"#
                let others = [("service_name", #""web""#), ("endpoint", #"{"type":"http","value":"a"}"#)]
                    .filter { $0.0 != field }.map { "\"\($0.0)\":\($0.1)," }.joined()
                return BadBody("{\(others)\(twice)}", naming: field)
            } + [
                BadBody(
                    #"{"service_name":"w","endpoint":{"type":"http","type":"http","value":"a"}}"#,
                    naming: "endpoint.type"),
                BadBody(
                    #"{"service_name":"w","endpoint":{"value":"a","type":"http","value":"b"}}"#,
                    naming: "endpoint.value"),
                BadBody(
                    #"{"service_name":"w","\u0073ervice_name":"w","endpoint":{"value":"a","type":"http"}}"#,
                    naming: "service_name"),
            ]
        ),
        (
            "R238 A missing required field is refused by its name.",
            [
                BadBody("{}", naming: "service_name"),
                BadBody(#"{"endpoint":{"type":"http","value":"a"}}"#, naming: "service_name"),
                BadBody(#"{"service_name":"w"}"#, naming: "endpoint"),
                BadBody(#"{"service_name":"w","endpoint":{}}"#, naming: "endpoint.type"),
                BadBody(#"{"service_name":"w","endpoint":{"value":"a"}}"#, naming: "endpoint.type"),
                BadBody(#"{"service_name":"w","endpoint":{"type":"tcp"}}"#, naming: "endpoint.value"),
            ]
        ),
        (
            "R220 null … for a required one it is answered 400.",
            [
                BadBody(#"{"service_name":null,"endpoint":{"type":"http","value":"a"}}"#, naming: "service_name"),
                BadBody(#"{"service_name":"w","endpoint":null}"#, naming: "endpoint"),
                BadBody(#"{"service_name":"w","endpoint":{"type":null,"value":"a"}}"#, naming: "endpoint.type"),
                BadBody(#"{"service_name":"w","endpoint":{"type":"tcp","value":null}}"#, naming: "endpoint.value"),
            ]
        ),
        (
            "R217 metadata may be any JSON value of at most 1,024 bytes.",
            [
                BadBody(#"\#(open),"metadata":"\#(String(repeating: "a", count: 1_023))"}"#, naming: "metadata"),
                BadBody(#"\#(open),"metadata":"\#(String(repeating: "é", count: 512))"}"#, naming: "metadata"),
                BadBody(#"\#(open),"metadata":[\#(String(repeating: " ", count: 1_023))]}"#, naming: "metadata"),
                BadBody(#"\#(open),"metadata":tru}"#), BadBody(#"\#(open),"metadata":}"#),
                BadBody(#"\#(open),"metadata":01}"#),
            ]
        ),
    ]

    @Test(arguments: Transport.allCases)
    func `a body that cannot be used is refused, blamed on its field, and changes nothing`(_ transport: Transport)
        throws
    {
        // A body that cannot be used is answered 400, with a sentence that names the field where one is to blame.
        let registry = try Registry(transport)
        // The instance that every bad body would overwrite.
        try registry.register(Body("web", "a", ["ttl": "77", "metadata": "{ }", "tags": #"["t"]"#]))
        let before = try registry.everything()
        registry.clock.advance(milliseconds: 1_000)
        for (rule, bodies) in Self.table {
            for body in bodies {
                let answer = try registry.send(.register(bytes: body.bytes))
                let text = String(decoding: body.bytes.prefix(300), as: UTF8.self)
                #expect(answer.status == 400, "\(rule) \(text)")
                let sentence = answer.error ?? ""
                #expect(
                    !sentence.isEmpty && (body.field.map { sentence.contains($0) } ?? true),
                    "\(rule) \(text): \(answer)")
                #expect(answer["Content-Type"] == "application/json", "\(rule) \(text)")
            }
            #expect(try registry.everything() == before, "\(rule)")
        }
    }

    @Test(arguments: Transport.allCases)
    func `what is just within the limits is taken`(_ transport: Transport) throws {
        // R235 Nesting must not exceed 64 levels, the body being the first level.
        let registry = try Registry(transport)
        let space = " \t\r\n"
        for body in [
            #"\#(Self.open),"x":\#(Self.nested(63))}"#, #"\#(Self.open),"metadata":\#(Self.nested(63))}"#,
            space + Self.good + space,
            #"{ "service_name" :"web" , "endpoint": { "type":"http" ,"value" : "a" } }"#,
            #"\#(Self.open),"metadata":"\#(String(repeating: "a", count: 1_022))"}"#,
            // R217 … counted as sent from its first byte to its last.
            #"\#(Self.open),"metadata":\#(String(repeating: " ", count: 5_000))"\#(String(repeating: "é", count: 511))"   }"#,
        ] {
            #expect(try registry.send(.register(text: body)).status == 201, "\(body.prefix(300))")
        }
    }
}
