// Where the registries of these tests keep what is registered: in their own memory, or all of them in one Redis that
// Tests/Long/redis/contract.py has started, so that the same tests hold for members without state. Each registry, and
// each cluster, has a prefix of its own there, as it has a memory of its own else.

import Foundation
import Testing

enum TestStore {
    /// Where that Redis is; nil without one.
    private static let address = ProcessInfo.processInfo.environment["REGISTRY_TEST_STORE_ADDRESS"]

    static var isUsed: Bool { address != nil }

    /// One that nobody has used.
    static func prefix() -> String { "test-\(UUID().uuidString.lowercased())" }

    /// The variables that have a registry keep everything there; none without a store.
    static func environment(prefix: String) -> [String: String] {
        guard let address else { return [:] }
        // Long, so that no change is refused because the machine has other things to do.
        return ["STORE": "redis", "STORE_ADDRESS": address, "STORE_PREFIX": prefix, "STORE_TIMEOUT": "20s"]
    }

    /// Settings of members that keep everything themselves, which a registry with a store refuses, are left out.
    static func settings(_ settings: [String]) -> [String] {
        guard isUsed else { return settings }
        let ofMembers = ["--replication", "--cluster_", "--acknowledge_"]
        return settings.filter { setting in !ofMembers.contains { setting.hasPrefix($0) } }
    }
}

extension RunningRegistry {
    /// Waits until it follows the store. Pages that say so write no line in the log, which tests count.
    func waitUntilFollowing() throws {
        let client = try connect()
        try Patience.wait("a registry to follow its store") {
            let metrics = try client.ask("GET", "/metrics")
            guard metrics.status == 200 else { return try client.ask("GET", "/readyz").status == 200 }
            return metrics.text.contains("\na8registry_store_up 1\n")
        }
    }
}

extension TestCluster {
    /// Waits until all members show the same, where one of them may be behind another: an answer over a store does not
    /// wait for the other members (docs/redis.md). Members that keep everything themselves are asked at once.
    func waitUntilAlike() throws {
        guard TestStore.isUsed else { return }
        try Patience.wait("all members to show the same") {
            let tags = try members.keys.map { try ask($0, "GET", "/api/v1/instances").header("ETag") }
            return Set(tags).count == 1 && !tags.contains(nil)
        }
    }
}
