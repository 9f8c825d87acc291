// swift-tools-version:6.2
// The rooms of the registry and the arrows between them; ARCHITECTURE.md is the tour.
import PackageDescription

// The sanitizers bring an allocator of their own, which must not meet another: `make test.address` and the like say so
// here.
let allocator: [Target.Dependency] = Context.environment["REGISTRY_ALLOCATOR"] == "system" ? [] : ["CJemalloc"]

let package = Package(
    name: "a8registry",
    products: [
        .executable(name: "registry", targets: ["registry"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        // C libraries: each is imported by exactly one Swift target, which drops the C.
        .systemLibrary(name: "CSystem"),
        .systemLibrary(name: "CJemalloc", pkgConfig: "jemalloc", providers: [.apt(["libjemalloc-dev"])]),
        .systemLibrary(name: "CLibevent", pkgConfig: "libevent_core", providers: [.apt(["libevent-dev"])]),
        .systemLibrary(name: "CTLS", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CExpat", pkgConfig: "expat", providers: [.apt(["libexpat1-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),

        // Pure rooms: no sockets, no clocks, no C.
        .target(name: "Text"),
        .target(name: "Time"),
        .target(name: "JSON", dependencies: ["Text"]),
        .target(name: "HTTP", dependencies: ["Text"]),
        .target(name: "Catalog", dependencies: ["Text", "Time"]),
        .target(name: "DNS", dependencies: ["Catalog", "Text", "Time"]),

        // Shells around a dangerous thing each; System is the one around the kernel.
        .target(name: "System", dependencies: ["CSystem", "Time"]),
        .target(name: "TLS", dependencies: ["CTLS"]),
        .target(name: "Gzip", dependencies: ["CZlib"]),
        .target(name: "XML", dependencies: ["CExpat"]),
        .target(name: "RESP", dependencies: ["CHiredis", "Text", "Time"]),
        .target(name: "Libevent", dependencies: ["CLibevent", "HTTP", "System", "TLS", "Text", "Time"]),
        // Requests to other servers.
        .target(name: "HTTPClient", dependencies: ["Gzip", "HTTP", "Libevent", "System", "TLS", "Text"]),
        .target(
            name: "Telemetry",
            dependencies: ["System", "Text", "Time", .product(name: "Logging", package: "swift-log")]),

        .target(name: "Replication", dependencies: ["Catalog", "JSON", "Text", "Time"]),
        // What a registry holds as a file.
        .target(name: "Snapshot", dependencies: ["Catalog", "Gzip", "Text"]),
        // Members that run the original registry, for as long as there are any.
        .target(name: "LegacyPeers", dependencies: ["Catalog", "Gzip", "JSON", "Replication", "Text", "Time"]),
        // The thread and the sockets around Replication.
        .target(
            name: "ReplicationServer",
            dependencies: [
                "Catalog", "Libevent", "Replication", "System", "TLS", "Text", "Time",
                .product(name: "Logging", package: "swift-log"),
            ]),
        // Redis in place of other members: what is decided, and the thread and the sockets around it.
        .target(
            name: "RedisStore",
            dependencies: ["CRedisFunctions", "Catalog", "JSON", "RESP", "Replication", "Text", "Time"]),
        .target(
            name: "RedisStoreServer",
            dependencies: [
                "Catalog", "Libevent", "RESP", "RedisStore", "Replication", "System", "TLS", "Text", "Time",
                .product(name: "Logging", package: "swift-log"),
            ]),
        // The contract itself and the page for people, embedded: C has an instruction for that, which Swift lacks.
        .target(name: "CSwagger"),
        .target(name: "Swagger", dependencies: ["CSwagger"]),
        .target(name: "CWebPage"),
        .target(name: "WebPage", dependencies: ["CWebPage"], exclude: ["files"]),
        // What runs inside Redis, embedded in the same way.
        .target(name: "CRedisFunctions", exclude: ["functions.lua"]),

        // The registry for its clients. Each protocol is a room that no other protocol knows; the process alone knows
        // all.
        .target(
            name: "Configuration",
            dependencies: ["Catalog", "Replication", "System", "TLS", "Telemetry", "Text", "Time"]),
        .target(
            name: "Authorization", dependencies: ["Catalog", "Configuration", "HTTP", "JSON", "TLS", "Text", "Time"]),
        // The issuer of tokens, asked for its keys.
        .target(
            name: "Issuer",
            dependencies: ["Authorization", "HTTP", "HTTPClient", "JSON", "Libevent", "System", "Text", "Time"]),
        .target(
            name: "RegistryCore",
            dependencies: [
                "Authorization", "Catalog", "Configuration", "HTTP", "JSON", "Libevent", "Replication", "System", "TLS",
                "Time",
            ]),
        .target(
            name: "Serving",
            dependencies: [
                "Authorization", "Catalog", "Configuration", "Gzip", "HTTP", "JSON", "Libevent", "RegistryCore",
                "Replication", "System",
                "TLS", "Telemetry", "Text", "Time",
            ]),
        .target(
            name: "Amalgam8",
            dependencies: [
                "Catalog", "HTTP", "JSON", "RegistryCore", "Replication", "Serving", "TLS", "Telemetry", "Text", "Time",
            ]),
        // Sources: other registries, and files, whose instances are shown beside our own.
        .target(
            name: "EurekaSource",
            dependencies: [
                "Catalog", "HTTP", "HTTPClient", "JSON", "Libevent", "RegistryCore", "System", "Time",
            ]),
        .target(
            name: "KubernetesSource",
            dependencies: [
                "Catalog", "Configuration", "HTTP", "HTTPClient", "JSON", "Libevent", "RegistryCore", "System",
                "Text", "Time",
            ]),
        .target(
            name: "FileSource",
            dependencies: [
                "Amalgam8", "Authorization", "Catalog", "HTTP", "JSON", "RegistryCore", "Serving", "System", "Time",
            ]),
        .target(
            name: "Eureka",
            dependencies: [
                "Catalog", "HTTP", "HTTPClient", "JSON", "Libevent", "RegistryCore", "Replication", "Serving", "System",

                "Text", "XML", "Time",
            ]),
        .target(
            name: "Consul",
            dependencies: ["Catalog", "Configuration", "HTTP", "JSON", "RegistryCore", "Serving", "Time"]),
        .target(
            name: "Envoy", dependencies: ["Catalog", "HTTP", "JSON", "RegistryCore", "Serving", "Text"]),
        .target(
            name: "DNSServer",
            dependencies: [
                "Authorization", "Catalog", "Configuration", "DNS", "Libevent", "RegistryCore", "System", "Text",
                "Time",
            ]),
        .target(
            name: "Operations",
            dependencies: [
                "Catalog", "Configuration", "HTTP", "JSON", "Libevent", "RegistryCore", "Replication",
                "ReplicationServer", "Serving", "Snapshot",
                "Swagger",
                "System", "TLS", "Telemetry", "Text", "Time", "WebPage",
            ]),
        .target(
            name: "RegistryServer",
            dependencies: [
                "Amalgam8", "Authorization", "Catalog", "Configuration", "Consul", "DNSServer", "Envoy", "Eureka",
                "EurekaSource",
                "FileSource", "HTTP",
                "HTTPClient", "Issuer", "KubernetesSource", "LegacyPeers",
                "Libevent", "Operations", "RegistryCore",
                "Replication",
                "RedisStore", "RedisStoreServer", "ReplicationServer", "Serving", "Snapshot", "System", "TLS",
                "Telemetry", "Text",
                "Time",
                .product(name: "Logging", package: "swift-log"),
            ]),
        // The subcommands of the executable that ask a registry.
        .target(
            name: "Commands",
            dependencies: [
                "Configuration", "HTTP", "HTTPClient", "JSON", "Libevent", "Snapshot", "System", "TLS", "Text", "Time",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "registry",
            dependencies: [
                "Commands", "Configuration", "Libevent", "RegistryServer", "System", "TLS", "Text", "Time",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ] + allocator,
            // libevent calls back the error page that this binary exports.
            linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic"])]),

        // What tests that choose at random share: the one generator, so that a seed means the same everywhere.
        .target(name: "TestRandom", path: "Tests/TestRandom"),
        // Reads Eureka's JSON as strictly as the strictest client does.
        .target(name: "TestEureka", dependencies: ["JSON"], path: "Tests/TestEureka"),
        // Makes queries and reads answers of DNS as strictly as clients do.
        .target(name: "TestDNS", path: "Tests/TestDNS"),
        .target(name: "TestTime", dependencies: ["Time"], path: "Tests/TestTime"),
        .target(name: "TestCatalog", dependencies: ["Catalog"], path: "Tests/TestCatalog"),
        // A server of Redis as members see it, as a value.
        .target(name: "TestRedisStore", dependencies: ["RESP", "RedisStore"], path: "Tests/TestRedisStore"),
        // What the tests of several rooms need: a server on a loopback port and a client that waits with a deadline.
        .target(
            name: "TestSupport", dependencies: ["CTLS", "CZlib", "HTTP", "Libevent", "System", "TLS"],
            path: "Tests/TestSupport"),

        .testTarget(name: "TimeTests", dependencies: ["Time"]),
        .testTarget(name: "TextTests", dependencies: ["Text", "TestRandom"]),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "TestRandom"]),
        .testTarget(name: "XMLTests", dependencies: ["XML"]),
        .testTarget(name: "RESPTests", dependencies: ["CHiredis", "RESP", "TestRandom", "TestTime", "Text", "Time"]),
        .testTarget(
            name: "DNSTests", dependencies: ["Catalog", "DNS", "TestDNS", "TestRandom", "Text", "TestTime", "Time"]),
        .testTarget(
            name: "DNSServerTests",
            dependencies: [
                "Authorization", "Catalog", "Configuration", "DNS", "DNSServer", "Libevent", "RegistryCore",
                "Replication", "System", "TestDNS", "TestSupport", "TestTime", "Text", "Time",
            ]),
        .testTarget(name: "HTTPTests", dependencies: ["HTTP", "TestRandom"]),
        .testTarget(name: "CatalogTests", dependencies: ["Catalog", "TestCatalog", "TestRandom", "TestTime", "Time"]),
        .testTarget(
            name: "ReplicationTests",
            dependencies: ["Catalog", "JSON", "Replication", "TestCatalog", "TestRandom", "Text", "TestTime", "Time"],
            exclude: ["testdata"]),
        .testTarget(
            name: "SnapshotTests",
            dependencies: ["Catalog", "Snapshot", "TestCatalog", "TestRandom", "TestTime", "Time"]),
        .testTarget(
            name: "LegacyPeersTests",
            dependencies: [
                "Catalog", "Gzip", "JSON", "LegacyPeers", "Replication", "TestCatalog", "TestRandom", "Text",
                "TestTime", "Time",
            ],
            exclude: ["Samples"]),
        .testTarget(
            name: "ReplicationServerTests",
            dependencies: ["Libevent", "Replication", "ReplicationServer", "System", "TLS", "Text", "TestTime", "Time"]),
        .testTarget(
            name: "RedisStoreTests",
            dependencies: [
                "Catalog", "JSON", "RESP", "RedisStore", "Replication", "TestCatalog", "TestRandom", "TestRedisStore",
                "TestTime", "Text",
                "Time",
            ],
            exclude: ["Recorded"]),
        .testTarget(
            name: "RedisStoreServerTests",
            dependencies: [
                "Catalog", "Libevent", "RESP", "RedisStore", "RedisStoreServer", "Replication", "System", "TLS",
                "TestCatalog", "TestRandom", "TestSupport", "TestTime", "Text", "Time",
            ]),
        .testTarget(
            name: "LibeventTests",
            dependencies: ["HTTP", "Libevent", "System", "TLS", "TestRandom", "TestSupport", "Time"]),
        .testTarget(
            name: "HTTPClientTests",
            dependencies: ["Gzip", "HTTP", "HTTPClient", "Libevent", "System", "TLS", "TestRandom", "TestSupport"]),
        .testTarget(
            name: "CommandsTests",
            dependencies: [
                "Commands", "HTTP", "HTTPClient", "JSON", "TestRandom", "TestTime", "Time", "registry",
            ]),
        .testTarget(name: "SystemTests", dependencies: ["System", "TestTime", "Time"]),
        .testTarget(
            name: "TLSTests", dependencies: ["CTLS", "HTTP", "Libevent", "System", "TLS", "TestSupport", "Text"]),
        .testTarget(name: "TelemetryTests", dependencies: ["System", "Telemetry", "TestRandom", "TestTime", "Time"]),
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Amalgam8", "Authorization", "Catalog", "Configuration", "Consul", "DNS", "DNSServer", "Envoy", "HTTP",
                "JSON", "Operations", "RegistryCore", "Replication", "Serving", "TLS", "TestDNS", "TestRandom", "Text",
                "Time",
            ],
            exclude: ["Entry.swift", "Seeds", "Crashes", "unpack_seeds.py"]),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: ["Configuration", "RegistryServer", "TestRandom", "TestSupport", "registry"]),
        .testTarget(
            name: "RegistryCoreTests", dependencies: ["RegistryCore", "TestRandom", "TestSupport", "TestTime", "Time"]),
        .testTarget(
            name: "EurekaSourceTests",
            dependencies: ["EurekaSource", "HTTPClient", "TestRandom", "TestSupport", "TestTime", "Time"]),
        .testTarget(
            name: "FileSourceTests",
            dependencies: ["FileSource", "System", "TestRandom", "TestSupport", "TestTime", "Time"]),
        .testTarget(
            name: "KubernetesSourceTests",
            dependencies: [
                "Catalog", "Configuration", "HTTPClient", "KubernetesSource", "RegistryCore", "System", "TestRandom",
                "TestSupport", "TestTime", "Time",
            ]),
        .testTarget(
            name: "AuthorizationTests",
            dependencies: ["Authorization", "TLS", "TestRandom", "TestSupport", "TestTime", "Time"]),
        .testTarget(
            name: "IssuerTests",
            dependencies: ["Authorization", "HTTPClient", "Issuer", "System", "TestSupport", "TestTime", "Time"]),
        .testTarget(
            name: "RegistryServerTests",
            dependencies: [
                "Amalgam8", "Authorization", "Configuration", "Consul", "Eureka", "Operations", "RegistryCore",
                "RedisStore", "RegistryServer",
                "Serving", "TestCatalog", "TestEureka", "TestRedisStore",
                "TestRandom", "TestSupport",
                "registry", "TestTime", "Time", "WebPage",
            ]),
        .testTarget(
            name: "EurekaTests",
            dependencies: [
                "Catalog", "Eureka", "JSON", "RegistryCore", "Serving", "TestEureka", "TestRandom", "Text", "XML",
                "TestTime", "Time",
            ]),
        .testTarget(
            name: "EnvoyTests", dependencies: ["Catalog", "Envoy", "JSON", "RegistryCore", "Serving"]),
        .testTarget(name: "HouseTests"),
        .testTarget(name: "ProcessTests", dependencies: ["TLS", "TestDNS", "TestSupport", "registry"]),
    ],
    swiftLanguageModes: [.v6]
)

// What is not checked for memory safety says `unsafe`, modules show no more of one another than their declarations
// need, and each file imports what it uses.
for target in package.targets where target.type != .system && target.type != .test {
    guard target.path?.hasPrefix("Tests/") != true else { continue }
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .strictMemorySafety(), .treatWarning("StrictMemorySafety", as: .error),
            .enableUpcomingFeature("MemberImportVisibility"),
            .enableUpcomingFeature("InternalImportsByDefault"),
        ]
}

// `REGISTRY_TESTS=TextTests,JSONTests swift test` builds and runs the tests of these rooms alone, in seconds instead of
// minutes.
if let wanted = Context.environment["REGISTRY_TESTS"] {
    let names = Set(wanted.split(separator: ",").map(String.init))
    package.targets.removeAll { $0.type == .test && !names.contains($0.name) }
}

// libFuzzer brings its own main and wants everything instrumented, so the program that `make fuzz` runs is no part of
// other builds.
if Context.environment["A8_FUZZ"] == "1" {
    package.targets.removeAll { $0.type == .test }
    package.targets.append(.target(name: "FuzzMain", path: "Tests/FuzzMain"))
    package.targets.append(
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "FuzzMain", "Amalgam8", "Authorization", "Catalog", "Configuration", "Consul", "DNS", "DNSServer",
                "Envoy", "HTTP", "JSON", "Operations", "RegistryCore", "Replication", "Serving", "TLS", "TestDNS",
                "Text", "Time",
            ], path: "Tests/FuzzTests",
            exclude: ["Seeds", "Crashes", "unpack_seeds.py", "FuzzTests.swift"], sources: ["Entry.swift", "Properties"])
    )
}

// A container's build makes the packages before the sources are copied, in a layer that stays as it is until this file
// changes.
if Context.environment["A8_DEPENDENCIES"] == "1" {
    package.products = []
    package.targets = [
        .target(
            name: "Dependencies",
            dependencies: [
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "deploy/dependencies")
    ]
}
