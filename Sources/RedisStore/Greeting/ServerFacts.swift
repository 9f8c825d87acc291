// What a server of Redis says of itself when a connection to it begins: the lines of INFO. Whether it is of use, and
// what is only worth a line in the log, follows from it. Valkey says the same, but for a name or two.

/// A server that has been greeted, as it was at that moment.
package struct ServerFacts: Sendable, Equatable {
    /// `redis` or `valkey`.
    package var engine = "redis"
    /// What it speaks; Valkey says which Redis it is like.
    package var version = ServerVersion(major: 0, minor: 0)
    /// Its own version, whole, as operators know it: Valkey's is not that of the Redis which it is like.
    package var release = ""
    /// Names this run of the server: the next one has another.
    package var runID = ""
    package var mode = Mode.standalone
    package var isMaster = false
    /// Whether it still reads its data from a file.
    package var isLoading = false
    /// What it throws away when its memory is used up.
    package var evictionPolicy = "noeviction"
    /// In bytes; 0 stands for none.
    package var memoryLimit: Int64 = 0
    /// Whether each change goes to a file. Without that a master that is started anew is empty, and empties its
    /// replicas.
    package var isAppending = false
    package var replicas = 0
    /// Of the registry's functions; nil where they were not asked for.
    package var functionsVersion: Int64?

    package enum Mode: String, Sendable {
        case standalone
        case cluster
        case sentinel
    }

    /// From INFO's lines; nil when they are not those of such a server.
    package init?(_ info: [UInt8]) {
        var lines: [Substring: Substring] = [:]
        let text = String(decoding: info, as: UTF8.self)
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            lines[line[..<colon]] = line[line.index(after: colon)...]
        }
        guard let version = lines["redis_version"].flatMap({ ServerVersion($0) }), let runID = lines["run_id"] else {
            return nil
        }
        self.version = version
        self.runID = String(runID)
        engine = String(lines["server_name"] ?? "redis")
        release = String(lines["\(engine)_version"] ?? lines["redis_version"] ?? "")
        // Valkey 9 has another name for it.
        mode = (lines["redis_mode"] ?? lines["server_mode"]).flatMap { Mode(rawValue: String($0)) } ?? .standalone
        isMaster = lines["role"] == "master"
        isLoading = lines["loading"] == "1"
        evictionPolicy = String(lines["maxmemory_policy"] ?? "noeviction")
        memoryLimit = lines["maxmemory"].flatMap { Int64($0) } ?? 0
        isAppending = lines["aof_enabled"] == "1"
        replicas = lines["connected_slaves"].flatMap { Int($0) } ?? 0
    }
}

/// The first two numbers of a server's version.
package struct ServerVersion: Sendable, Comparable, CustomStringConvertible {
    package let major: Int
    package let minor: Int

    /// The first one with functions.
    package static let withFunctions = ServerVersion(major: 7, minor: 0)

    package init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    init?(_ text: Substring) {
        let numbers = text.split(separator: ".").prefix(2).map { Int($0) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else { return nil }
        self.init(major: major, minor: minor)
    }

    package var description: String { "\(major).\(minor)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
