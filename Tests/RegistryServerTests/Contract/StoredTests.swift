// Which tests of the contract mean nothing for a registry whose store is Redis, and why. All others run over one too
// (`Transport.stored`).

import Foundation
import Testing

@testable import RegistryServer

struct StoredTests {
    /// Each test by its name.
    static let exceptions: [(test: String, reason: String)] = [
        (
            "only look-ups of a silent namespace say so, in every protocol, and none has another body for it",
            "the store keeps the leases, and holds those of a namespace that fell silent without a word to its members"
        ),
        (
            "it is shown where all that holds leases is",
            "the cause `silence` is of members that judge leases themselves"
        ),
    ]

    /// Whether the test that runs is one of these.
    static var isExcepted: Bool {
        guard let name = Test.current?.name else { return false }
        return exceptions.contains { name.contains($0.test) }
    }

    @Test func `every exception is a test that there is`() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path())
        let texts = try names.filter { $0.hasSuffix(".swift") && $0 != "StoredTests.swift" }.map {
            try String(contentsOf: folder.appending(path: $0), encoding: .utf8)
        }
        for (test, reason) in Self.exceptions {
            #expect(texts.contains { $0.contains("func `\(test)`") }, "there is no test of this name: \(test)")
            #expect(!reason.isEmpty)
        }
    }

    @Test func `a registry over a store is one, and its leases end by the store's clock alone`() throws {
        let registry = try Registry(.stored)
        #expect(registry.context.registry.cluster is StoredMember && registry.context.registry.cluster.hasCopy)
        let id = try registry.register(Body("web", "a", ["ttl": "10"]))
        registry.clock.advance(milliseconds: 10_001)
        // What the catalog does where it keeps leases itself changes nothing.
        #expect(registry.context.registry.store.expire(at: registry.clock.moment, budget: 100).expired == 0)
        registry.sweep()
        #expect(try registry.send(.instance(id)).status == 404)
        #expect(registry.context.registry.changes.expired == 1)
    }
}
