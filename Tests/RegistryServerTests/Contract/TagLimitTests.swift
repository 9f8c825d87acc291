// How many tags an instance may have (docs/rest-api.md, R280).

import Catalog
import Foundation
import TestSupport
import Testing

@testable import RegistryCore
@testable import Serving

struct TagLimitTests {
    private static func body(_ tags: [String]) -> Body {
        Body("web", "a", ["tags": "[\(tags.map(Body.quoted).joined(separator: ","))]"])
    }

    @Test(arguments: Transport.allCases)
    func `256 tags of together 8,192 bytes are taken, and one more of either is refused`(_ transport: Transport) throws
    {
        // R280 tags of more than MAX_TAGS entries (256), or of together more than MAX_TAGS_BYTES bytes of UTF-8
        // (8,192), are answered 400 …
        let registry = try Registry(transport)
        let most = (0..<256).map { String(repeating: "x", count: 31) + ($0.isMultiple(of: 2) ? "a" : "b") }
        let id = try registry.register(Self.body(most))
        #expect(try registry.send(.instance(id)).object()["tags"] as? [String] == most)
        let refused: [[String]] = [
            Array(repeating: "", count: 257), Array(repeating: "t", count: 257),
            ["\(String(repeating: "x", count: 8_193))"],
            most.dropLast() + [String(repeating: "é", count: 16) + "x"],
        ]
        for tags in refused {
            let answer = try registry.send(.register(Self.body(tags)))
            #expect(answer.status == 400, "\(tags.count)")
            #expect((try answer.object()["Error"] as? String)?.contains("may have at most") == true, "\(answer)")
        }
        #expect(
            try registry.send(.instance(id)).object()["tags"] as? [String] == most, "what is refused changes nothing")
        #expect(
            try registry.send(.register(Self.body(most.dropLast() + [String(repeating: "é", count: 16)]))).status == 201
        )
    }

    @Test func `the limits are settings, and bind no peer`() throws {
        let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 1))
        let registry = try Registry(.router, store: store) {
            $0.maxTags = 2
            $0.maxTagsBytes = 5
        }
        let cases: [(tags: [String], status: Int)] = [
            (["a", "b"], 201), (["a", "b", "c"], 400), (["aaa", "bb"], 201), (["aaa", "bbb"], 400), ([], 201),
        ]
        for (tags, status) in cases {
            #expect(try registry.send(.register(Self.body(tags))).status == status, "\(tags)")
        }
        // They may change while the registry runs.
        var settings = registry.context.settings
        settings.maxTags = 3
        settings.maxTagsBytes = 6
        registry.context.registry.tagRule.change(settings)
        for (tags, status) in cases where status == 400 {
            #expect(try registry.send(.register(Self.body(tags))).status == 201, "\(tags)")
        }
        let instance = Instance(
            id: .digest(1), serviceName: Name("db"), endpoint: Endpoint(kind: .tcp, value: "b"), status: .up,
            ttl: 30_000,
            tags: ["a", "b", "c", "d"], metadata: nil, registered: 0)
        let told = Replica.present(
            instance, Version(time: HybridTime(bits: 1 << 30), origin: MemberID(bits: 2)), Heartbeat(age: 0, wall: 0))
        #expect(
            store.merge(Replicated(namespace: Namespace("default"), replica: told), at: registry.clock.moment)
                == .applied)
        #expect(try registry.send(.instance("0000000000000001")).object()["tags"] as? [String] == ["a", "b", "c", "d"])
    }
}
