// What a shard's stream tells, one event an entry. Events carry whole states, so that reading one twice, or after a scan
// that has seen what it says, changes nothing.

package import Catalog
package import Replication

/// One event of a shard.
package enum StoreEvent: Sendable {
    /// The state of an id or of a service was written, or an operator's word on an instance, which then has another one
    /// than its state brings along.
    case state(Replicated, StatusOverride?)
    /// Leases of a namespace have run out at this time, in microseconds since 1970, and their instances were removed.
    case ranOut([(key: StateKey, version: Version)], microseconds: Int64)
    /// Heartbeats that a member took within the last second.
    case renewed([Replicated])
    /// Of a newer release.
    case unknown

    private enum Kind {
        static let state = UInt8(ascii: "p"), told = UInt8(ascii: "v"), ranOut = UInt8(ascii: "x")
        static let renewed = UInt8(ascii: "h")
    }

    /// Reads the bytes of an entry.
    ///
    /// - Parameter last: the namespace that was read last, if any: neighbours mostly share one.
    package init(_ bytes: [UInt8], last: inout Namespace?) throws(StateError) {
        var reader = StoreBytes(bytes)
        let kind = try reader.byte()
        switch kind {
        case Kind.state, Kind.told:
            let version = kind == Kind.told ? try reader.version() : nil
            guard let state = try reader.state(last: &last) else {
                self = .unknown
                return
            }
            let override = reader.remaining > 0 ? StoredValue.override(Array(try reader.counted())) : nil
            self = .state(version.map(state.standing) ?? state, override)
        case Kind.ranOut:
            let microseconds = Int64(clamping: try reader.word())
            guard let name = String(validating: try reader.counted(), as: UTF8.self) else { throw .text }
            let namespace = Namespace(name)
            var gone: [(key: StateKey, version: Version)] = []
            repeat {
                guard let id = InstanceID(try reader.counted()) else { throw .text }
                gone.append((StateKey(namespace: namespace, id: id), try reader.version()))
            } while reader.remaining > 0
            self = .ranOut(gone, microseconds: microseconds)
        case Kind.renewed:
            var states: [Replicated] = []
            while reader.remaining > 0 { if let state = try reader.state(last: &last) { states.append(state) } }
            self = .renewed(states)
        default: self = .unknown
        }
    }
}

extension Replicated {
    /// An instance stands in the version that is kept beside its state, which may be later than the one that was written:
    /// of two registrations that members took at the same time, the functions let the one stand that its client changed
    /// later.
    func standing(in version: Version) -> Replicated {
        guard case .present(let instance, _, let heartbeat) = replica else { return self }
        return Replicated(namespace: namespace, replica: .present(instance, version, heartbeat))
    }
}

/// What is kept of one id or service in a hash.
package enum StoredValue {
    /// The state behind its version. Nil when it is of a kind that a newer release has.
    package static func state(_ bytes: [UInt8], last: inout Namespace?) throws(StateError) -> Replicated? {
        var reader = StoreBytes(bytes)
        let version = try reader.version()
        return try reader.state(last: &last)?.standing(in: version)
    }

    /// An operator's word on an instance, behind its version.
    package static func override(_ bytes: [UInt8]) -> StatusOverride? {
        bytes.count > 16 ? StatusOverride(encoded: bytes[16...]) : nil
    }
}
