// Members may be found in several ways at once; the addresses to dial are those of all of them together. Each way looks
// on a thread of its own and reports what it found; this value, on the thread that dials, puts the reports together, so
// that nothing is shared between them.

/// A way to find members.
package enum MemberSource: Sendable, Hashable, CaseIterable {
    /// The shared directory.
    case directory
    /// The names of hosts, and the name whose addresses are the members.
    case names
}

/// What one look in one way has found.
package struct MembershipReport: Sendable, Equatable {
    package let source: MemberSource
    /// Everyone that this source knows of now, ourselves perhaps included.
    package let addresses: Set<PeerAddress>
    /// Whether that is everyone this source could know of: the directory was read, and every name has been looked up at
    /// least once.
    package let isComplete: Bool
    /// Whether it has been of use since the start: of the directory, that it was read and our file written, each once.
    package let serves: Bool
    /// What there is to log.
    package let events: [MembershipEvent]

    package init(
        source: MemberSource, addresses: Set<PeerAddress>, isComplete: Bool, serves: Bool = true,
        events: [MembershipEvent]
    ) {
        self.source = source
        self.addresses = addresses
        self.isComplete = isComplete
        self.serves = serves
        self.events = events
    }
}

/// The last report of every source, put together. An address that no source reports any more is missing here; whether a
/// member that lives is let go for that is the node's to decide.
package struct MemberSources: Sendable {
    private let own: Set<PeerAddress>
    private var waiting: Set<MemberSource>
    private var found: [MemberSource: Set<PeerAddress>] = [:]

    /// - Parameters:
    ///   - own: our own addresses, which are never dialed.
    ///   - sources: those that will report.
    package init(own: Set<PeerAddress>, sources: Set<MemberSource>) {
        self.own = own
        waiting = sources
    }

    /// Whether every source has once reported all that it could know. Before that, it is not known that there is no
    /// other member.
    package var isComplete: Bool { waiting.isEmpty }

    /// The addresses to dial.
    package var addresses: Set<PeerAddress> { found.values.reduce(Set()) { $0.union($1) }.subtracting(own) }

    /// Takes a report, and returns the addresses to dial now.
    package mutating func take(_ report: MembershipReport) -> Set<PeerAddress> {
        if report.isComplete { waiting.remove(report.source) }
        found[report.source] = report.addresses
        return addresses
    }
}
