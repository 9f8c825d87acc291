// Instances as JSON, against Foundation's reading of it; and whether what they may take at most is enough.

import Catalog
import Foundation
import TestRandom
import TestSupport
import Testing

@testable import Amalgam8

struct InstanceRenderingTests {
    /// Characters of every length, and those that take the longest escapes.
    private static let characters = ["a", "\u{1}", "\u{1F}", "\"", "\\", "é", "日", "🐝", "\u{7F}", "\n"]

    private static func text(_ length: Int, _ generator: inout SplitMix64) -> String {
        let worst = Int.random(in: 0..<3, using: &generator) == 0
        return (0..<length).map { _ in worst ? "\u{1}" : characters.randomElement(using: &generator) ?? "" }.joined()
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `an instance reads as what it is`(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        for round in 0..<50 {
            let tags = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                Self.text(Int.random(in: 0...3, using: &generator), &generator)
            }
            let id =
                Bool.random(using: &generator)
                ? "x" + Self.text(40, &generator) : String(format: "%016llx", generator.next())
            let status = InstanceStatus(
                ["UP", "OUT_OF_SERVICE", "\u{1}\u{1}\u{1}\u{1}\"", "DOWN"].randomElement(using: &generator) ?? "")
            let metadata =
                [nil, "{}", "\"\(String(repeating: "m", count: 1_022))\""].randomElement(using: &generator) ?? nil
            let instance = Instance(
                id: try #require(InstanceID(Array(id.utf8)[...])), serviceName: Name(Self.text(64, &generator)),
                endpoint: Endpoint(kind: .https, value: Self.text(128, &generator)), status: status,
                ttl: Int64.random(in: 1...4_294_967_295_000, using: &generator), tags: tags,
                metadata: metadata.map { Array($0.utf8) },
                registered: 0)
            var rendering = InstanceRendering(fields: .all, links: nil)
            var body: [UInt8] = []
            rendering.append(LeasedInstance(instance: instance, lastHeartbeat: 1_767_225_600_123_456_789), to: &body)
            let circumstances: Comment = "seed \(seed), round \(round)"
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any], circumstances)
            #expect(object["id"] as? String == id, circumstances)
            #expect(object["service_name"] as? String == instance.serviceName.text, circumstances)
            #expect(
                object["endpoint"] as? [String: String] == ["type": "https", "value": instance.endpoint.value],
                circumstances)
            #expect(object["ttl"] as? Int64 == (instance.ttl + 999) / 1_000, circumstances)
            #expect(object["status"] as? String == status.token, circumstances)
            #expect(object["last_heartbeat"] as? String == "2026-01-01T00:00:00.123456789Z", circumstances)
            #expect(object["tags"] as? [String] == (tags.isEmpty ? nil : tags), circumstances)
            #expect((object["metadata"] != nil) == (metadata != nil), circumstances)
        }
    }

    @Test func `twenty thousand empty tags fit`() {
        let instance = Instance(
            id: .digest(0), serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "v"), status: .up, ttl: 1,
            tags: [String](repeating: "", count: 20_000), metadata: nil, registered: 0)
        var rendering = InstanceRendering(fields: .all, links: nil)
        var body: [UInt8] = []
        rendering.append(LeasedInstance(instance: instance, lastHeartbeat: 0), to: &body)
        #expect(body.suffix(5) == Array(#",""]}"#.utf8))
    }
}
