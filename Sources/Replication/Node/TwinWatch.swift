// Two members with one name, or at one address, are a mistake in the settings. Neither is refused for it, since it is
// unknown which of the two is meant, and one of them may be the last; but a reader of the log or of the cluster's page
// must learn of it.

import Catalog
import Time

/// A name or an address that several live members have.
package struct MemberConflict: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable {
        case name, address
    }

    package let kind: Kind
    /// The name, or the address.
    package let value: String
    /// Where the members are dialed, or say that they are, in order.
    package let addresses: [PeerAddress]

    package init(kind: Kind, value: String, addresses: [PeerAddress]) {
        self.kind = kind
        self.value = value
        self.addresses = addresses
    }
}

/// Finds conflicts that last. Pure.
struct TwinWatch {
    /// How long there must be two, in milliseconds: a member that was restarted is there twice until its former links
    /// are given up.
    static let patience: Duration = .milliseconds(6_000)

    struct Member: Hashable {
        let member: MemberID
        let name: String
        /// What it says of itself.
        let advertised: PeerAddress
    }

    private struct Finding {
        let since: MonotonicTime
        var isTold = false
    }

    private var findings: [MemberConflict: Finding] = [:]

    /// Those that have lasted.
    var conflicts: [MemberConflict] {
        findings.filter(\.value.isTold).keys.sorted { ($0.kind.rawValue, $0.value) < ($1.kind.rawValue, $1.value) }
    }

    /// Takes the members that live now, this one included; returns the conflicts to log, each once while it lasts.
    mutating func judge(_ members: Set<Member>, at now: MonotonicTime) -> [MemberConflict] {
        let found = Set(
            Self.find(.name, members) { $0.name } + Self.find(.address, members) { $0.advertised.description })
        findings = findings.filter { found.contains($0.key) }
        var dirtyShards: [MemberConflict] = []
        for conflict in found {
            var finding = findings[conflict] ?? Finding(since: now)
            if !finding.isTold, now - finding.since >= Self.patience {
                finding.isTold = true
                dirtyShards.append(conflict)
            }
            findings[conflict] = finding
        }
        return dirtyShards.sorted { ($0.kind.rawValue, $0.value) < ($1.kind.rawValue, $1.value) }
    }

    private static func find(_ kind: MemberConflict.Kind, _ members: Set<Member>, by key: (Member) -> String)
        -> [MemberConflict]
    {
        Dictionary(grouping: members, by: key).compactMap { value, twins in
            guard !value.isEmpty, Set(twins.map(\.member)).count > 1 else { return nil }
            return MemberConflict(kind: kind, value: value, addresses: twins.map(\.advertised).sorted())
        }
    }
}
