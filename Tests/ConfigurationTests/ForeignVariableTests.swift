// What is said of variables that look as if they were settings.

import Testing

@testable import Configuration

struct ForeignVariableTests {
    private func resolve(_ environment: [String: String]) throws -> ResolvedSettings {
        try Settings.resolve(flags: [:], environment: environment, readFile: { _ in [] })
    }

    @Test(arguments: [
        ("A8_LOGLEVEL", ": did you mean A8_LOG_LEVEL?"), ("A8_API_PROT", ": did you mean A8_API_PORT?"),
        ("A8_JWT_SECRETFILE", ": did you mean A8_JWT_SECRET_FILE?"), ("A8_NOTHING_LIKE_IT", "."), ("A8_", "."),
    ])
    func `a name with our prefix that is no setting is warned of`(name: String, end: String) throws {
        // R912 A variable with the prefix A8_ that is no setting is warned of.
        #expect(try resolve([name: "secret"]).warnings == ["\(name) is set and is not a setting of the registry\(end)"])
    }

    @Test func `those that others read are none of our business`() throws {
        #expect(
            try resolve([
                "A8_REGISTRY_URL": "http://a", "A8_SERVICE": "web", "A8_ENDPOINT_HOST": "a",
                "A8_ENDPOINT_ANYTHING": "b", "A8_LOGLEVEL": "",
                "LOGLEVEL": "x", "A8_CONTROLLER_SERVICE_HOST": "10.0.0.1", "A8_CONTROLLER_PORT_80_TCP_ADDR": "10.0.0.1",
                "A8_CONTROLLER_SERVICE_PORT_HTTP": "80", "STORE": "the-shop",
            ]).warnings == [])
    }

    @Test func `a bare STORE that is none of our words is another program's, and one of them is ours`() throws {
        // R912 … A bare STORE of anything but redis, inmem or memory is taken for another program's.
        #expect(try resolve(["STORE": "the-shop"]).settings == .defaults)
        #expect(try resolve(["STORE": "redis"]).settings.redisStore != nil)
        #expect(throws: SettingError.self) { try resolve(["A8_STORE": "the-shop"]) }
    }

    @Test func `a registry of the original's with its store starts unchanged`() throws {
        let store = try resolve([
            "A8_STORE": "redis", "A8_STORE_ADDRESS": "redis:6379", "A8_STORE_PASSWORD": "hush",
            "A8_REPLICATION": "false", "A8_CLUSTER_SIZE": "0", "A8_SYNC_TIMEOUT": "30s",
        ]).settings.redisStore
        #expect(store?.route == .hosts([StoreHost(host: "redis", port: 6_379)]))
        #expect(store?.password == Secret(bytes: Array("hush".utf8)))
    }

    @Test(arguments: ["A8_STORE", "STORE"], ["inmem", "INMEM", "memory", ""])
    func `what asks for memory asks for what is done`(name: String, value: String) throws {
        #expect(try resolve([name: value]).warnings == [])
    }

    /// As in the compose files of the original and its examples.
    @Test func `the original's own settings start the registry`() throws {
        let resolved = try resolve([
            "A8_API_PORT": "8080", "A8_LOG_LEVEL": "warning", "A8_LOG_FORMAT": "logstash", "A8_CLUSTER_SIZE": "0",
            "A8_AUTH_MODE": "trusted",
            "A8_STORE": "inmem", "A8_REPLICATION": "True", "A8_REPLICATION_PORT": "6100", "A8_CLUSTER_DIR": "/tmp",
            "A8_SYNC_TIMEOUT": "30s",
            "A8_NAMESPACE_CAPACITY": "-1", "A8_DEFAULT_TTL": "30s", "A8_MIN_TTL": "10s", "A8_MAX_TTL": "10m",
            "A8_REQUIRE_HTTPS": "false",
            "A8_REPLICATION_PLAIN": "true",
        ])
        #expect(resolved.settings.logLevel == .warn && resolved.settings.clusterSize == 1)
        #expect(!resolved.warnings.contains { $0.contains("no setting") })
    }
}
