// Which settings of a store outside of the registry hold together, what they come to as one value, and that no password
// is ever shown.

import TLS
import Testing

@testable import Configuration

struct StoreSettingsTests {
    private static let password = "o-p-e-n-sesame"

    private func resolve(_ flags: [String: String], file: String = "") throws(SettingError) -> ResolvedSettings {
        try Settings.resolve(
            flags: flags.mapValues { [$0] }, environment: [:], readFile: { _ in Array(file.utf8) })
    }

    private func store(_ flags: [String: String], file: String = "") throws -> StoreSettings {
        try #require(try resolve(flags.merging(["store": "redis"]) { $1 }, file: file).settings.redisStore)
    }

    private func refusal(_ flags: [String: String]) -> String? {
        do throws(SettingError) {
            _ = try resolve(flags)
            return nil
        } catch {
            return error.description
        }
    }

    // MARK: What they come to

    @Test func `without being asked for there is no store but memory`() {
        #expect(Settings.defaults.redisStore == nil)
    }

    @Test func `alone, store redis means a Redis on this machine`() throws {
        let store = try store([:])
        #expect(store.route == .hosts([StoreHost(host: "127.0.0.1", port: 6_379)]))
        #expect(store.tls == nil && store.user == nil && store.password == nil)
        #expect(store.database == 0 && store.prefix == "a8" && store.wait == 0 && store.timeout == .seconds(1))
    }

    @Test func `a URL says what the other settings say`() throws {
        let url = try store(["store_address": "rediss://registry:p%40%25ss@redis-1,redis-2:7000/3"])
        let apart = try store([
            "store_address": "rediss://redis-1:6379,redis-2:7000", "store_user": "registry", "store_password": "p@%ss",
            "store_db": "3",
        ])
        #expect(url == apart)
        #expect(url.user == "registry" && url.password?.bytes == Array("p@%ss".utf8) && url.database == 3)
        #expect(url.tls == ClientTLSConfiguration())
    }

    @Test func `Sentinels take the place of the address, with a password and TLS of their own`() throws {
        let plain = try store(["store_sentinel": "mymaster@s-1,s-2:1", "store_sentinel_password": "hush"])
        let sentinel = try #require(StoreSentinel("mymaster@s-1,s-2:1"))
        #expect(sentinel.hosts.map(\.description) == ["s-1:26379", "s-2:1"])
        #expect(plain.route == .sentinel(sentinel, password: Secret(bytes: Array("hush".utf8))))
        #expect(plain.tls == nil && plain.password == nil)
        let files = ["store_tls_ca": "a", "store_tls_cert": "c", "store_tls_key": "k"]
        let secure = try store(files.merging(["store_sentinel": "rediss://mymaster@s-1"]) { $1 })
        #expect(secure.tls == ClientTLSConfiguration(authorityPath: "a", identity: (path: "c", key: "k")))
    }

    @Test func `a cluster is asked by its nodes`() throws {
        let store = try store(["store_address": "a,b", "store_cluster": "true", "store_wait": "1"])
        #expect(store.route == .cluster(["a", "b"].map { StoreHost(host: $0, port: 6_379) }))
        #expect(store.wait == 1)
    }

    @Test func `a password is read from a file, without its line ending`() throws {
        #expect(try store(["store_password_file": "f"], file: "hush\n").password?.bytes == Array("hush".utf8))
    }

    @Test func `a password with white space around it is warned of`() throws {
        let warnings = try resolve(["store": "redis", "store_password_file": "f"], file: "hush \n").warnings
        #expect(warnings.count == 1 && warnings.first?.hasPrefix("store_password begins or ends with white") == true)
    }

    // MARK: What is refused

    // D101 STORE_* without STORE=redis stops the start with a sentence.
    @Test(arguments: Settings.storeRows.map(\.name).filter { $0 != "store" })
    func `a setting of the store stops the start where there is none`(name: String) throws {
        let good = [
            "store_db": "1", "store_prefix": "b", "store_sentinel": "m@a", "store_cluster": "true", "store_wait": "1",
            "store_timeout": "2s", "store_address": "redis://u:\(Self.password)@a",
        ]
        for flags in [[:], ["store": "inmem"]] {
            let sentence = try #require(
                refusal(flags.merging([name: good[name] ?? Self.password]) { $1 }), "\(name) is taken")
            #expect(sentence.hasPrefix("\(name) "))
            #expect(sentence.contains("it has no effect with store inmem"))
            if name.hasSuffix("password") || name == "store_address" { #expect(!sentence.contains(Self.password)) }
        }
    }

    // D102 Settings of members that keep everything themselves stop the start with STORE=redis, where they are not at
    // their default.
    @Test(
        arguments: [
            ("acknowledge", "local"), ("acknowledge_timeout", "1s"), ("snapshot_file", "/f"),
            ("snapshot_interval", "2m"),
            ("tombstone_time", "1h"), ("tombstone_bytes", "2000000"), ("cluster_size", "3"),
            ("cluster_size_required", "true"), ("cluster_dir", "/d"), ("cluster_peers", "a"), ("cluster_dns", "a"),
            ("cluster_secret", password), ("replication", "true"), ("replication_port", "6101"),
            ("replication_plain", "true"), ("replication_queue_bytes", "2000000"),
            ("replication_queue_changes", "1000"), ("expiry_hold", "5m"),
            ("on_isolation", "expire"),
        ])
    func `what members promise each other is not promised by a store`(name: String, value: String) throws {
        let sentence = try #require(refusal(["store": "redis", name: value]), "\(name) is taken")
        #expect(sentence.hasPrefix("\(name) "))
        #expect(sentence.contains("it has no effect with store redis (flag --store): "))
        #expect(!sentence.contains(Self.password))
        let row = try #require(Settings.rows.first { $0.name == name })
        if let text = row.defaultText { #expect(refusal(["store": "redis", name: text]) == nil) }
    }

    @Test(arguments: ["20%", "off"])
    func `a hold may stand beside a budget, also beside one that is lifted`(budget: String) {
        // D102 … and EXPIRY_HOLD without EXPIRY_BUDGET.
        #expect(refusal(["store": "redis", "expiry_hold": "5m", "expiry_budget": budget]) == nil)
    }

    @Test(
        arguments: [
            (
                ["store_sentinel": "m@a", "store_cluster": "true"],
                "store_sentinel m@a:26379 (flag --store_sentinel), store_cluster true (flag --store_cluster): a cluster "
                    + "of Redis has no Sentinels"
            ),
            (["store_sentinel": "m@a", "store_address": "a"], "the Sentinels say where Redis is"),
            (["store_sentinel_password": password], "it has no effect without store_sentinel"),
            (["store_cluster": "true", "store_db": "1"], "store_db 1 (flag --store_db), store_cluster"),
            (["store_cluster": "true", "store_address": "redis://a/1"], "store_address redis://a:6379/1"),
            (["store_address": "redis://a/1", "store_db": "1"], "both name the database"),
            (
                ["store_address": "redis://:\(password)@a", "store_password": password],
                "store_address redis://:***@a:6379 (flag --store_address), store_password *** (flag "
                    + "--store_password): both give a password"
            ),
            (
                ["store_address": "redis://u:\(password)@a", "store_user": "u"],
                "both name a user"
            ),
            (["store_user": "u"], "store_user u (flag --store_user): a user needs a password"),
            (["store_address": "redis://u@a"], "store_address redis://u@a:6379"),
            (
                ["store_tls_ca": "/ca.pem"],
                "store_tls_ca /ca.pem (flag --store_tls_ca), store_address 127.0.0.1:6379 (default): it has no effect "
                    + "without TLS; write rediss:// in front of store_address"
            ),
            (["store_tls_cert": "c", "store_sentinel": "m@a"], "write rediss:// in front of store_sentinel"),
            (["store_tls_cert": "c", "store_address": "rediss://a"], "a certificate needs its key"),
            (["store_tls_key": "k", "store_address": "rediss://a"], "a key needs its certificate"),
        ])
    func `settings of a store that contradict each other stop the start, and show no password`(
        flags: [String: String], words: String
    ) throws {
        // D103 Settings of the store that contradict each other stop the start with a sentence that names them.
        let sentence = try #require(refusal(flags.merging(["store": "redis"]) { $1 }), "they hold")
        #expect(sentence.contains(words), "\(sentence)")
        #expect(!sentence.contains(Self.password), "\(sentence)")
    }

    // MARK: What is shown

    // D104 No password of the store is shown, by whatever setting it came.
    @Test(arguments: [
        ["store_address": "redis://u:\(password)@a/0"], ["store_password": password],
        ["store_sentinel": "m@a", "store_sentinel_password": password],
    ])
    func `no listing of the settings shows a password`(flags: [String: String]) throws {
        let resolved = try resolve(flags.merging(["store": "redis"]) { $1 })
        #expect(!resolved.listing.contains(Self.password) && resolved.listing.contains("***"))
        #expect(!"\(resolved.settings)".contains(Self.password))
        var dumped = ""
        dump(resolved.settings.redisStore, to: &dumped)
        #expect(!dumped.contains(Self.password) && !dumped.contains("\(Array(Self.password.utf8)[0])\n"))
    }

    @Test(arguments: ["redis://u:\(password)@a/x", "redis:/u:\(password)@a", "redis://:\(password)"])
    func `an address that is not allowed is not repeated where it may hold a password`(address: String) throws {
        let sentence = try #require(refusal(["store": "redis", "store_address": address]))
        #expect(!sentence.contains(Self.password) && sentence.contains("rediss://redis-1"))
    }

    @Test func `another password is taken over, and anything else needs a restart`() throws {
        // D105 A changed STORE_PASSWORD_FILE or STORE_SENTINEL_PASSWORD_FILE is used for the next connection; a change of
        // any other setting of the store needs a restart.
        func settings(_ flags: [String: String], file: String) throws -> Settings {
            let always = [
                "store": "redis", "store_sentinel": "m@a", "store_sentinel_password_file": "f",
                "store_password_file": "f",
            ]
            return try resolve(always.merging(flags) { $1 }, file: file).settings
        }
        let running = try settings([:], file: "one")
        let passwords = SettingChanges(from: running, to: try settings([:], file: "two"))
        #expect(passwords.taken.map(\.name) == ["store_password", "store_sentinel_password"])
        #expect(passwords.settings.redisStore?.password?.bytes == Array("two".utf8))
        let rest = SettingChanges(
            from: running, to: try settings(["store_wait": "1", "store_prefix": "b", "store_db": "1"], file: "one"))
        #expect(rest.taken.isEmpty && rest.needRestart.map(\.name) == ["store_db", "store_prefix", "store_wait"])
    }
}
