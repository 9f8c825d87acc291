// Metadata belongs to the clients: whatever JSON they send, the same bytes come back (docs/rest-api.md, R217).

import Foundation
import TestRandom
import TestSupport
import Testing

@testable import Serving

/// JSON texts of every shape, with white space and escapes where the grammar has room for them.
struct RandomJSON {
    var generator: SplitMix64

    mutating func value(depth: Int = 0) -> String {
        switch Int.random(in: 0..<(depth > 4 ? 5 : 8), using: &generator) {
        case 0: return ["true", "false", "0", "-0", "1e400"].randomElement(using: &generator) ?? ""
        case 1: return "\(Int64.random(in: .min ... .max, using: &generator))"
        case 2:
            return
                "\(Int.random(in: -99...99, using: &generator)).\(UInt16.random(in: 0 ... .max, using: &generator))E+0\(depth)"
        case 3, 4: return string()
        case 5, 6:
            let elements = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                space() + value(depth: depth + 1) + space()
            }
            return "[" + (elements.isEmpty ? space() : elements.joined(separator: ",")) + "]"
        default:
            let members = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                space() + string() + space() + ":" + space() + value(depth: depth + 1) + space()
            }
            return "{" + (members.isEmpty ? space() : members.joined(separator: ",")) + "}"
        }
    }

    private mutating func string() -> String {
        let pieces = [
            "a", "ä", "日", "😀", " ", "/", #"\/"#, #"\n"#, #"\\"#, #"\""#, #"\u0000"#, #"\uD83D\uDE00"#, "\u{7F}",
            "\u{2028}", "key", "id",
        ]
        let chosen = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
            pieces.randomElement(using: &generator) ?? ""
        }
        return "\"" + chosen.joined() + "\""
    }

    private mutating func space() -> String {
        ["", "", " ", "\n", "\t", "\r\n  "].randomElement(using: &generator) ?? ""
    }
}

struct MetadataTests {
    @Test(arguments: Transport.allCases, [1, 2, 3] as [UInt64])
    func `metadata comes back byte for byte`(_ transport: Transport, _ seed: UInt64) throws {
        // R217 metadata may be any JSON value of at most 1,024 bytes, counted as sent from its first byte to its last,
        // and is handed back byte for byte.
        let registry = try Registry(transport)
        var random = RandomJSON(generator: SplitMix64(seed: seed))
        for round in 0..<100 {
            let metadata = random.value()
            let request = TestRequest.register(
                text: String(Body("web", "a").text.dropLast()) + ",\"metadata\": \(metadata) }")
            let answer = try registry.send(request)
            guard metadata.utf8.count <= 1_024 else {
                #expect(answer.status == 400, "seed \(seed), round \(round): \(metadata)")
                continue
            }
            try #require(answer.status == 201, "seed \(seed), round \(round): \(metadata): \(answer)")
            let shown = try registry.send(.get("/api/v1/instances?status=ALL&fields=metadata"))
            let id = instanceID("web", "http", "a")
            let expected =
                #"{"instances":[{"id":"\#(id)","endpoint":{"type":"http","value":"a"},"metadata":\#(metadata)}]}"#
            #expect(shown.body == Array(expected.utf8), "seed \(seed), round \(round): \(metadata)")
        }
    }
}
