// How much each namespace may have, where that is not the same for all (docs/rest-api.md, R850–R856): a default and
// patterns for names, of which the first that matches counts. A pure value; `QuotaBoard.swift` has the one in force.

package import Catalog
import JSON

/// What one namespace may have. Whatever says `standard` is as the settings have it.
package struct NamespaceQuota: Sendable, Equatable {
    /// The pattern that the namespace has matched, or `default`; nil where there are no quotas.
    package var name: String?
    package var limits = NamespaceLimits.standard
    /// A second.
    package var requests = QuotaLimit.standard
    /// A second.
    package var heartbeats = QuotaLimit.standard
    package var watches = QuotaLimit.standard

    /// As the settings have it.
    package static let standard = NamespaceQuota()
}

/// The quotas of a file.
package struct Quotas: Sendable, Equatable {
    /// What is wrong with a file, in words.
    package struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// Rules of one file: each namespace that is new is compared with all of them.
    package static let most = 1_000
    /// Bytes of a pattern: as long as a namespace may be.
    static let patternBytes = 256
    private static let counts = 0...1_000_000_000
    private static let rates = 1...1_000_000

    /// For namespaces that no rule matches.
    private var standard = NamespaceQuota.standard
    private var rules: [(pattern: [UInt8], quota: NamespaceQuota)] = []

    package static func == (one: Quotas, other: Quotas) -> Bool {
        one.standard == other.standard && one.rules.elementsEqual(other.rules, by: ==)
    }

    /// The quota of a namespace: of the first rule that matches its name.
    func quota(of namespace: Namespace) -> NamespaceQuota {
        let name = Array(namespace.name.utf8)
        return rules.first { Self.matches(name, $0.pattern) }?.quota ?? standard
    }

    /// Whether a name has the form of a pattern, in which `*` stands for any bytes, or none. Takes time in proportion to
    /// both lengths: of several stars only the last one is tried again.
    static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
        let star = UInt8(ascii: "*")
        var (place, at) = (0, 0)
        var retry: (place: Int, at: Int)?
        while place < name.count {
            if at < pattern.count, pattern[at] == star {
                at += 1
                retry = (place, at)
            } else if at < pattern.count, pattern[at] == name[place] {
                (place, at) = (place + 1, at + 1)
            } else if let last = retry {
                retry = (last.place + 1, last.at)
                (place, at) = (last.place + 1, last.at)
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == star }
    }

    // MARK: - Reading

    /// Reads `{"default":{…},"namespaces":[{"match":"team-*",…},…]}`. Every key must be known, and come once.
    package init(_ bytes: [UInt8]) throws(Fault) {
        do {
            try read(bytes)
        } catch let error as JSONError {
            throw Fault(description: error.sentence)
        } catch {
            throw error as? Fault ?? Fault(description: "\(error)")
        }
    }

    private mutating func read(_ bytes: [UInt8]) throws {
        var reader = JSONReader(bytes)
        var seen: Set<String> = []
        try reader.enterObject()
        while let key = try reader.nextKey()?.string {
            guard seen.insert(key).inserted else { throw Fault(description: "\(key) is given twice") }
            switch key {
            case "default":
                standard = try Self.readQuota(&reader, "default")
                guard standard.name == nil else { throw Fault(description: "default has no match") }
                standard.name = "default"
            case "namespaces":
                try reader.enterArray()
                while try reader.nextElement() {
                    guard rules.count < Self.most else {
                        throw Fault(description: "namespaces has more than \(Self.most) rules")
                    }
                    let rule = try Self.readQuota(&reader, "rule \(rules.count + 1)")
                    guard let pattern = rule.name else {
                        throw Fault(description: "rule \(rules.count + 1) has no match")
                    }
                    rules.append((Array(pattern.utf8), rule))
                }
            default: throw Fault(description: "\(key.prefix(64)) is neither default nor namespaces")
            }
        }
        try reader.finish()
    }

    private static func readQuota(_ reader: inout JSONReader, _ place: String) throws -> NamespaceQuota {
        var quota = NamespaceQuota()
        var seen: Set<String> = []
        try reader.enterObject()
        while let key = try reader.nextKey()?.string {
            guard seen.insert(key).inserted else { throw Fault(description: "\(place): \(key) is given twice") }
            switch key {
            case "match":
                let pattern = try reader.readString()
                guard (1...patternBytes).contains(pattern.utf8.count) else {
                    throw Fault(
                        description: "\(place): match must be 1 to \(patternBytes) bytes, with * for any others")
                }
                quota.name = pattern
            case "instances": quota.limits.instances = try readLimit(&reader, counts, "\(place): instances")
            case "services": quota.limits.services = try readLimit(&reader, counts, "\(place): services")
            case "requests": quota.requests = try readLimit(&reader, rates, "\(place): requests")
            case "heartbeats": quota.heartbeats = try readLimit(&reader, rates, "\(place): heartbeats")
            case "watches": quota.watches = try readLimit(&reader, counts, "\(place): watches")
            default:
                throw Fault(
                    description: "\(place): \(key.prefix(64)) is none of match, instances, services, requests, "
                        + "heartbeats and watches")
            }
        }
        return quota
    }

    private static func readLimit(
        _ reader: inout JSONReader, _ range: ClosedRange<Int>, _ place: String
    ) throws -> QuotaLimit {
        if try reader.skipNull() { return .unlimited }
        guard try reader.peekType() == .number, let number = Int(exactly: try reader.readNumber().approximation),
            range.contains(number)
        else {
            throw Fault(
                description:
                    "\(place) must be a whole number from \(range.lowerBound) to \(range.upperBound), or null for "
                    + "no limit")
        }
        return .atMost(number)
    }
}
