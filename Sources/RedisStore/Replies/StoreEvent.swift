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
        static let state = UInt8(ascii: "p"), ranOut = UInt8(ascii: "x"), renewed = UInt8(ascii: "h")
    }

    /// Reads the bytes of an entry.
    ///
    /// - Parameter last: the namespace that was read last, if any: neighbours mostly share one.
    package init(_ bytes: [UInt8], last: inout Namespace?) throws(StateError) {
        var reader = StoreBytes(bytes)
        switch try reader.byte() {
        case Kind.state:
            guard let state = try reader.state(last: &last) else {
                self = .unknown
                return
            }
            let override = reader.remaining > 0 ? StoredValue.override(Array(try reader.counted())) : nil
            self = .state(state, override)
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

/// What is kept of one id or service in a hash.
package enum StoredValue {
    /// The state behind its version. Nil when it is of a kind that a newer release has.
    package static func state(_ bytes: [UInt8], last: inout Namespace?) throws(StateError) -> Replicated? {
        var reader = StoreBytes(bytes)
        _ = try reader.version()
        return try reader.state(last: &last)
    }

    /// An operator's word on an instance, behind its version.
    package static func override(_ bytes: [UInt8]) -> StatusOverride? {
        bytes.count > 16 ? StatusOverride(encoded: bytes[16...]) : nil
    }
}
