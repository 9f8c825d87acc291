// The membership by name: the hosts of a list and the addresses of a name. A look-up that fails says nothing about the
// members, so what the last good one found is kept.

package import Text

/// What look-ups have found. A value; the poller passes what it has looked up.
package struct NameView: Sendable {
    /// The most addresses that one name may stand for. More are left out, the greatest first.
    package static let mostAddresses = 256

    private let defaultPort: UInt16
    /// Those that need no look-up.
    private let numeric: Set<PeerAddress>
    /// The names to be looked up, in the order given.
    package let names: [PeerName]
    private var found: [PeerName: Set<PeerAddress>] = [:]
    /// The names whose addresses are known, or that are known to have none.
    private var answered: Set<PeerName> = []
    /// The names that have not been resolved, and were said to be so.
    private var failing: Set<PeerName> = []

    /// - Parameter defaultPort: of a name without a port.
    package init(_ names: [PeerName], defaultPort: UInt16) {
        self.defaultPort = defaultPort
        numeric = Set(names.compactMap { $0.address(defaultPort: defaultPort) })
        var seen: Set<PeerName> = []
        self.names = names.filter { $0.address(defaultPort: defaultPort) == nil && seen.insert($0).inserted }
    }

    /// Every address known.
    package var members: Set<PeerAddress> { found.values.reduce(numeric) { $0.union($1) } }

    /// Whether every name has been looked up at least once, to its addresses or to the answer that it has none.
    package var isComplete: Bool { answered.count == names.count }

    /// A look-up gave these hosts. No host at all is a failure.
    package mutating func resolved(_ name: PeerName, _ hosts: [IPAddress]) -> [MembershipEvent] {
        var hosts = Set(hosts)
        if name.meaning == .member, hosts.contains(where: { !$0.isSix }) { hosts = hosts.filter { !$0.isSix } }
        let all = hosts.map { PeerAddress(host: $0, port: name.port ?? defaultPort) }.sorted()
        let addresses = Set(all.prefix(Self.mostAddresses))
        guard !addresses.isEmpty else { return failed(name, reason: "it has no address", isAnswer: true) }
        answered.insert(name)
        let wasFailing = failing.remove(name) != nil
        guard found.updateValue(addresses, forKey: name) != addresses || wasFailing else { return [] }
        return [.resolved(name, addresses)]
    }

    /// A look-up failed.
    ///
    /// - Parameter isAnswer: whether it is known that the name has no address, and not only unknown which it has.
    package mutating func failed(_ name: PeerName, reason: String, isAnswer: Bool) -> [MembershipEvent] {
        if isAnswer { answered.insert(name) }
        return failing.insert(name).inserted ? [.unresolved(name, reason: reason)] : []
    }
}
