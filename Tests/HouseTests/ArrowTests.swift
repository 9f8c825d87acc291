// The rooms and the arrows between them. The table below is the one that ARCHITECTURE.md draws; Package.swift and every
// `import` are held to it, so that a new arrow is a decision that a reviewer sees and not a line among others.

import Foundation
import Testing

struct ArrowTests {
    /// What a room may use: other rooms and packages, which Package.swift has to name, and modules of the system.
    struct Room: Sendable {
        let name: String
        let rooms: Set<String>
        let system: Set<String>

        init(_ name: String, _ rooms: Set<String> = [], system: Set<String> = []) {
            self.name = name
            self.rooms = rooms
            self.system = system
        }
    }

    static let rooms = [
        // Pure: values in, values out. Synchronization is the language's own and touches nothing outside.
        Room("Text"),
        Room("Time"),
        Room("JSON", ["Text"]),
        Room("HTTP", ["Text"], system: ["Synchronization"]),
        Room("Catalog", ["Text", "Time"], system: ["Synchronization"]),
        Room("DNS", ["Catalog", "Text", "Time"]),
        // Shells, around one dangerous thing each.
        Room("System", ["CSystem", "Time"], system: ["Glibc"]),
        Room("TLS", ["CTLS"], system: ["Glibc", "Synchronization"]),
        Room("Gzip", ["CZlib"]),
        Room("XML", ["CExpat"]),
        Room("RESP", ["CHiredis", "Text", "Time"]),
        Room(
            "Libevent", ["CLibevent", "HTTP", "System", "TLS", "Text", "Time"], system: ["Glibc", "Synchronization"]),
        Room("HTTPClient", ["Gzip", "HTTP", "Libevent", "System", "TLS", "Text"]),
        Room("Telemetry", ["Logging", "System", "Text", "Time"], system: ["Glibc", "Synchronization"]),
        Room("Replication", ["Catalog", "JSON", "Text", "Time"], system: ["Synchronization"]),
        Room("Snapshot", ["Catalog", "Gzip", "Text"]),
        Room("LegacyPeers", ["Catalog", "Gzip", "JSON", "Replication", "Text", "Time"]),
        Room(
            "ReplicationServer", ["Catalog", "Libevent", "Logging", "Replication", "System", "TLS", "Text", "Time"],
            system: ["Glibc", "Synchronization"]),
        // Redis in place of other members.
        Room("RedisStore", ["CRedisFunctions", "Catalog", "JSON", "RESP", "Replication", "Text", "Time"]),
        Room(
            "RedisStoreServer",
            [
                "Catalog", "Libevent", "Logging", "RESP", "RedisStore", "Replication", "System", "TLS", "Text", "Time",
            ],
            system: ["Synchronization"]),
        Room("Swagger", ["CSwagger"]),
        Room("WebPage", ["CWebPage"]),
        // The registry for its clients: what all protocols share, each protocol, and the process, which alone knows
        // all. A protocol knows no other.
        Room(
            "Configuration", ["Catalog", "Replication", "System", "TLS", "Telemetry", "Text", "Time"], system: ["Glibc"]
        ),
        Room(
            "Authorization", ["Catalog", "Configuration", "HTTP", "JSON", "TLS", "Text", "Time"],
            system: ["Synchronization"]),
        Room("Issuer", ["Authorization", "HTTP", "HTTPClient", "JSON", "Libevent", "System", "Text", "Time"]),
        Room(
            "RegistryCore",
            [
                "Authorization", "Catalog", "Configuration", "HTTP", "JSON", "Libevent", "Replication", "System", "TLS",
                "Time",
            ],
            system: ["Synchronization"]),
        Room(
            "Serving",
            [
                "Authorization", "Catalog", "Configuration", "Gzip", "HTTP", "JSON", "Libevent", "RegistryCore",
                "Replication", "System",
                "TLS", "Telemetry", "Text", "Time",
            ],
            system: ["Synchronization"]),
        Room(
            "Amalgam8",
            ["Catalog", "HTTP", "JSON", "RegistryCore", "Replication", "Serving", "TLS", "Telemetry", "Text", "Time"]),
        // Sources: other registries, and files, whose instances are shown beside our own. No source knows another.
        Room(
            "EurekaSource",
            ["Catalog", "HTTP", "HTTPClient", "JSON", "Libevent", "RegistryCore", "System", "Time"]),
        Room(
            "KubernetesSource",
            [
                "Catalog", "Configuration", "HTTP", "HTTPClient", "JSON", "Libevent", "RegistryCore", "System",
                "Text", "Time",
            ], system: ["Synchronization"]),
        Room(
            "FileSource",
            ["Amalgam8", "Authorization", "Catalog", "HTTP", "JSON", "RegistryCore", "Serving", "System", "Time"]),
        Room(
            "Eureka",
            [
                "Catalog", "HTTP", "HTTPClient", "JSON", "Libevent", "RegistryCore", "Replication", "Serving", "System",

                "Text", "XML", "Time",
            ], system: ["Synchronization"]),
        Room("Consul", ["Catalog", "Configuration", "HTTP", "JSON", "RegistryCore", "Serving", "Time"]),
        Room(
            "Envoy", ["Catalog", "HTTP", "JSON", "RegistryCore", "Serving", "Text"], system: ["Synchronization"]),
        Room(
            "DNSServer",
            [
                "Authorization", "Catalog", "Configuration", "DNS", "Libevent", "RegistryCore", "System", "Text",
                "Time",
            ], system: ["Synchronization"]),
        Room(
            "Operations",
            [
                "Catalog", "Configuration", "HTTP", "JSON", "Libevent", "RegistryCore", "Replication",
                "ReplicationServer", "Serving", "Snapshot",
                "Swagger",
                "System", "TLS", "Telemetry", "Text", "Time", "WebPage",
            ]),
        Room(
            "RegistryServer",
            [
                "Amalgam8", "Authorization", "Catalog", "Configuration", "Consul", "DNSServer", "Envoy", "Eureka",
                "EurekaSource",
                "FileSource", "HTTP",
                "HTTPClient", "Issuer", "KubernetesSource", "LegacyPeers",
                "Libevent",
                "Logging", "Operations", "RedisStore", "RedisStoreServer",
                "RegistryCore", "Replication",
                "ReplicationServer", "Serving", "Snapshot", "System", "TLS", "Telemetry", "Text", "Time",
            ],
            system: ["Glibc", "Synchronization"]),
        // The subcommands that ask a registry.
        Room(
            "Commands",
            [
                "ArgumentParser", "Configuration", "HTTP", "HTTPClient", "JSON", "Libevent", "Snapshot", "System",
                "TLS",
                "Text", "Time",
            ],
            system: ["Glibc"]),
        // The allocator counts as the system's: which one is linked is decided when the package is built.
        Room(
            "registry",
            [
                "ArgumentParser", "Commands", "Configuration", "Libevent", "RegistryServer", "System", "TLS", "Text",
                "Time",
            ],
            system: ["Glibc", "CJemalloc"]),
    ]

    /// The rooms that each C library has, and why nobody else.
    static let onlyImporter = [
        "CLibevent": "Libevent", "CSystem": "System", "CTLS": "TLS", "CZlib": "Gzip", "CExpat": "XML",
        "CHiredis": "RESP", "CRedisFunctions": "RedisStore",
        "CJemalloc": "registry", "CSwagger": "Swagger", "CWebPage": "WebPage",
    ]

    static let decision =
        "a new arrow is a decision: change the table in ArrowTests.swift and the drawing in ARCHITECTURE.md with it"

    @Test(arguments: rooms)
    func `a target depends on what its room may use, and on nothing else`(room: Room) throws {
        let declared = try #require(try Manifest.read()[room.name], "Package.swift has no target \(room.name)")
        #expect(declared == room.rooms, "\(room.name) in Package.swift: \(Self.decision)")
    }

    @Test func `every target is a room of the table`() throws {
        let targets = Set(try Manifest.read().keys)
        #expect(targets == Set(Self.rooms.map(\.name)), "a target without a room has no rules: \(Self.decision)")
        #expect(
            Set(SourceTree.files.map(\.target)) == targets,
            "a folder of Sources is not a target, or a target has no folder there")
    }

    @Test(arguments: SourceTree.files)
    func `a file imports what its room may use, and nothing else`(file: SourceFile) throws {
        let room = try #require(Self.rooms.first { $0.name == file.target }, "\(file.path) is in no room of the table")
        for module in file.imports {
            #expect(
                room.rooms.contains(module) || room.system.contains(module),
                "\(file.path) imports \(module), which \(room.name) may not: \(Self.decision)")
        }
    }

    @Test func `a C library is imported by one room, which drops the C`() {
        for file in SourceTree.files {
            for module in file.imports {
                guard let owner = Self.onlyImporter[module] else { continue }
                #expect(
                    file.target == owner,
                    "\(file.path) imports \(module): only \(owner) may, so that C's pointers and codes end there")
            }
        }
    }

    @Test func `Sources are free of Foundation, which costs start-up time and memory, and of a second event loop`() {
        for file in SourceTree.files {
            let strangers = file.imports.filter {
                $0.hasPrefix("Foundation") || $0.hasPrefix("NIO") || $0 == "Dispatch"
            }
            #expect(strangers.isEmpty, "\(file.path) imports \(strangers): Glibc and Libevent have what is needed")
        }
        let manifest = SourceTree.text("Package.swift") ?? ""
        #expect(!manifest.contains("swift-nio"), "libevent is the one event loop of this process")
    }
}

extension ArrowTests.Room: CustomTestStringConvertible {
    var testDescription: String { name }
}

extension SourceFile {
    /// The modules of the import lines, also of those that import one declaration of a module.
    var imports: Set<String> {
        let pattern =
            /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:public |package |internal |fileprivate |private )?import\s+(?:\w+\s+)?(\w+)/
        return Set(code.compactMap { $0.firstMatch(of: pattern).map { String($0.1) } })
    }
}

/// Package.swift, read as text: a manifest cannot be imported.
enum Manifest {
    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    /// The targets that hold Swift for the product, each with the targets and products it depends on.
    static func read() throws -> [String: Set<String>] {
        guard let text = SourceTree.text("Package.swift") else {
            throw Unreadable(description: "no Package.swift at \(SourceTree.root.path())")
        }
        var targets: [String: Set<String>] = [:]
        for match in text.matches(of: /\.(?:target|executableTarget)\(/) {
            let call = try balanced(text[match.range.lowerBound...])
            // What lives among the tests is for the tests, and what lives in deploy is for a container's build: no
            // rooms of the product.
            if call.contains(/path:\s*"(?:Tests|deploy)\//) { continue }
            guard let name = call.firstMatch(of: /name:\s*"(\w+)"/) else {
                throw Unreadable(description: "a target without a name")
            }
            // Those of C are no rooms: one room imports each.
            guard ArrowTests.onlyImporter[String(name.1)] == nil else { continue }
            targets[String(name.1)] = try dependencies(call)
        }
        return targets
    }

    private static func dependencies(_ call: Substring) throws -> Set<String> {
        guard let label = call.firstRange(of: "dependencies:") else { return [] }
        let list = try balanced(call[label.upperBound...])
        let products = list.matches(of: /\.product\(name:\s*"(\w+)"[^)]*\)/)
        let plain = list.replacing(/\.product\([^)]*\)/, with: "").matches(of: /"(\w+)"/)
        return Set(products.map { String($0.1) } + plain.map { String($0.1) })
    }

    /// From the first bracket to the one that closes it.
    private static func balanced(_ text: Substring) throws -> Substring {
        var depth = 0
        guard let start = text.firstIndex(where: { "([".contains($0) }) else {
            throw Unreadable(description: "no bracket in: \(text.prefix(40))")
        }
        for index in text[start...].indices {
            if "([".contains(text[index]) { depth += 1 }
            if ")]".contains(text[index]) { depth -= 1 }
            if depth == 0 { return text[start...index] }
        }
        throw Unreadable(description: "a bracket that nothing closes: \(text.prefix(40))")
    }
}
