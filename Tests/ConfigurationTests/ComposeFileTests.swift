// The compose files are the first configuration that many a user runs: what they set has to exist, to be allowed, and
// to make a cluster. An engine to run them is not needed for that; `make test.cluster` goes further.

import Foundation
import Testing

@testable import Configuration

struct ComposeFileTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// What the lines under the one `environment:` set, as the container sees it when the shell of `docker compose`
    /// sets nothing.
    private static func environment(_ file: String) throws -> [String: String] {
        let lines = try text(file).split(separator: "\n")
        let starts = lines.indices.filter { lines[$0].trimmingCharacters(in: .whitespaces) == "environment:" }
        let start = try #require(starts.count == 1 ? starts.first : nil, "\(file) has \(starts.count) environments")
        let indent = lines[start].prefix { $0 == " " }.count
        var environment: [String: String] = [:]
        for line in lines[(start + 1)...] {
            guard line.prefix(while: { $0 == " " }).count > indent else { break }
            let entry = line.trimmingCharacters(in: .whitespaces)
            if entry.hasPrefix("#") { continue }
            let match = try #require(
                try /([A-Z0-9_]+): *(?:"([^"]*)"|([^"#]+))/.wholeMatch(in: entry), "\(file): \(entry)")
            environment[String(match.1)] = String(match.2 ?? match.3 ?? "").replacing(/\$\{[A-Z_]+:-([^}]*)\}/) {
                String($0.1)
            }
        }
        return environment
    }

    @Test(arguments: ["docker-compose.yml", "docker-compose.dns.yml"])
    func `what a compose file sets is a setting, is allowed, and makes a cluster of three`(file: String) throws {
        let environment = try Self.environment(file)
        let names = Set(Settings.rows.flatMap(\.environmentNames))
        for name in environment.keys { #expect(names.contains(name), "\(file) sets \(name), which is no setting") }
        struct NoFile: Error {}
        let resolved = try Settings.resolve(flags: [:], environment: environment) { _ in throw NoFile() }
        #expect(resolved.settings.replication)
        #expect(resolved.settings.clusterSize == 3)
        #expect(resolved.settings.clusterDirectory != nil || resolved.settings.clusterDNS != nil)
    }

    @Test func `one registry in a container is alone, and healthy as the image has it`() throws {
        let file = "docker-compose.single.yml"
        let environment = try Self.environment(file)
        struct NoFile: Error {}
        let resolved = try Settings.resolve(flags: [:], environment: environment) { _ in throw NoFile() }
        #expect(Set(environment.keys).isSubset(of: Settings.rows.flatMap(\.environmentNames)))
        #expect(!resolved.settings.replication && resolved.warnings.isEmpty)
        #expect(!(try Self.text(file).contains("healthcheck:")))
    }

    @Test(
        arguments: [
            ("docker-compose.redis.yml", "hosts"), ("docker-compose.redis-sentinel.yml", "sentinel"),
            ("docker-compose.redis-cluster.yml", "cluster"),
        ])
    func `what a compose file with Redis sets is allowed, and leads to a store`(file: String, route: String) throws {
        let environment = try Self.environment(file)
        #expect(Set(environment.keys).isSubset(of: Settings.rows.flatMap(\.environmentNames)))
        let resolved = try Settings.resolve(flags: [:], environment: environment) { Array("secret of \($0)\n".utf8) }
        #expect(resolved.warnings.isEmpty)
        let store = try #require(resolved.settings.redisStore)
        let text = try Self.text(file)
        switch store.route {
        case .hosts(let hosts):
            #expect(route == "hosts" && hosts.map(\.description) == ["redis:6379"] && text.contains("\n  redis:\n"))
        case .sentinel(let sentinel, let password):
            #expect(route == "sentinel" && password != nil && store.password != nil && store.wait == 1)
            #expect(try Self.text("deploy/redis/sentinel").contains("sentinel monitor \(sentinel.name) "))
            for host in sentinel.hosts {
                #expect(text.contains("[\"/deploy/sentinel\", \"\(host.host)\","), "nobody is \(host)")
            }
        case .cluster(let hosts):
            #expect(route == "cluster" && store.password != nil && store.wait == 1)
            for host in hosts {
                #expect(text.contains("[\"/deploy/server\", \"\(host.host)\","), "nobody is \(host)")
            }
        }
    }

    @Test func `the image is healthy when it is ready, stops by the signal that drains, and names its ports`() throws {
        let image = try Self.text("Dockerfile")
        #expect(image.contains("HEALTHCHECK ") && image.contains(#"CMD ["/usr/local/bin/registry", "check"]"#))
        #expect(image.contains("\nSTOPSIGNAL SIGTERM\n"))
        let ports = ["api_port", "https_port", "replication_port"].compactMap { name in
            Settings.rows.first { $0.name == name }?.defaultText
        }
        #expect(image.contains("\nEXPOSE \(ports.joined(separator: " "))\n"))
    }

    @Test func `the shared directory is a volume, and one that the image lets its user write to`() throws {
        let directory = try #require(try Self.environment("docker-compose.yml")["A8_CLUSTER_DIR"])
        #expect(try Self.text("docker-compose.yml").contains("- members:\(directory)\n"))
        #expect(try Self.text("Dockerfile").contains("install -d -o registry -g registry \(directory)\n"))
    }

    @Test func `the members' name is the one that the balancer looks up, on the port that they serve`() throws {
        #expect(try Self.text("deploy/haproxy.cfg").contains(" registry:8080 "))
        #expect(try Self.text("docker-compose.yml").contains("aliases: [registry]"))
        #expect(try Self.environment("docker-compose.dns.yml")["A8_CLUSTER_DNS"] == "registry")
        #expect(Settings.rows.first { $0.name == "api_port" }?.defaultText == "8080")
    }

    @Test(
        arguments: [
            "docker-compose.yml", "docker-compose.dns.yml", "docker-compose.redis.yml",
            "docker-compose.redis-sentinel.yml", "docker-compose.redis-cluster.yml",
        ])
    func `the members take the balancer's word and nobody else's, and it lets nobody else speak`(file: String) throws {
        let text = try Self.text(file)
        let address = try #require(text.firstMatch(of: /ipv4_address: ([0-9.]+)\n/).map { String($0.1) })
        #expect(try Self.environment(file)["A8_TRUSTED_PROXIES"] == address)
        let network = try #require(text.firstMatch(of: /subnet: ([0-9.\/]+)\n/).flatMap { AddressRanges(String($0.1)) })
        let members = try #require(
            text.firstMatch(of: /ip_range: ([0-9.\/]+)\n/).flatMap { AddressRanges(String($0.1)) })
        #expect(network.contains(address) && !members.contains(address))
        // What the registry reads of a proxy the balancer sets or deletes.
        let configuration = try Self.text("deploy/haproxy.cfg")
        for field in ["Forwarded", "X-Forwarded-Port", "X-Forwarded-Prefix", "'$WSSC'"] {
            #expect(configuration.contains("    http-request del-header \(field)\n"), "\(field)")
        }
        for field in ["For", "Proto", "Host"] {
            #expect(configuration.contains("    http-request set-header X-Forwarded-\(field) "), "\(field)")
        }
    }

    /// A connection that the balancer reuses must not be one that the registry is about to close.
    @Test func `the balancer lets go of an idle connection before the registry does`() throws {
        let configuration = try Self.text("deploy/haproxy.cfg")
        let kept = try #require(configuration.firstMatch(of: /timeout http-keep-alive (\d+)s/).flatMap { Int64($0.1) })
        #expect(kept * 1_000_000_000 < Settings.defaults.idleTimeout.nanoseconds)
    }
}
