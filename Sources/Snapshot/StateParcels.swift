// What one registry is told of what another one holds, while both serve: the states of a snapshot in parcels, each of which
// is the body of a request, and of the next snapshot what has changed since. A parcel has what a block of a snapshot has.

package import Catalog
import Text

/// States on their way to another registry.
package struct StateParcel: Sendable {
    /// Bytes that one may have.
    package static let mostBytes = SnapshotFormat.longestContent

    /// What is told of a key: a state is told again when one of these differs.
    fileprivate struct Mark: Sendable, Equatable {
        let version: Version
        let override: Version
        /// By the clock of the member that took the heartbeat.
        let heartbeat: Int64
    }

    fileprivate enum Key: Hashable {
        case instance(Namespace, InstanceID)
        case service(Namespace, Name)
    }

    package fileprivate(set) var bytes: [UInt8] = []
    package var count: Int { marks.count }
    fileprivate var marks: [(key: Key, mark: Mark)] = []

    /// The states in the bytes of a parcel, and how many in it are none.
    package static func states(in bytes: [UInt8]) -> (states: [Replicated], unusable: Int) {
        let found = SnapshotBlock.states(in: bytes)
        return (found.states, found.unusable)
    }
}

/// What another registry was told so far. A pure value.
package struct StateParcels: Sendable {
    private var told: [StateParcel.Key: StateParcel.Mark] = [:]

    package init() {}

    /// What the other registry has not been told of a snapshot, and how many states there are in that.
    package mutating func parcels(of snapshot: [UInt8]) throws(SnapshotFault) -> (parcels: [StateParcel], states: Int) {
        let index = try SnapshotIndex(size: snapshot.count) { offset, count in Array(snapshot[offset..<offset + count])
        }
        var parcels: [StateParcel] = []
        var parcel = StateParcel()
        var present: [StateParcel.Key: StateParcel.Mark] = [:]
        var states = 0
        for block in index.blocks {
            let content = Array(snapshot[block.offset..<block.offset + block.count])
            try block.check(content)
            let found = SnapshotBlock.states(in: content)
            for state in found.states {
                guard let (key, mark) = Self.mark(of: state) else { continue }
                states += 1
                if told[key] == mark {
                    present[key] = mark
                    continue
                }
                if parcel.bytes.isEmpty { parcel.bytes.append(word: UInt64(bitPattern: found.read)) }
                StateCodec.append(state, to: &parcel.bytes)
                parcel.marks.append((key, mark))
                guard parcel.bytes.count >= SnapshotFormat.blockBytes else { continue }
                parcels.append(parcel)
                parcel = StateParcel()
            }
        }
        if !parcel.marks.isEmpty { parcels.append(parcel) }
        // What is gone from there is not told again, and need not be known.
        told = present
        return (parcels, states)
    }

    /// The other registry has these.
    package mutating func delivered(_ parcel: StateParcel) {
        for (key, mark) in parcel.marks { told[key] = mark }
    }

    private static func mark(of state: Replicated) -> (StateParcel.Key, StateParcel.Mark)? {
        let namespace = state.namespace
        switch state.replica {
        case .present(let instance, let version, let heartbeat):
            return (
                .instance(namespace, instance.id),
                StateParcel.Mark(
                    version: version, override: instance.override?.version ?? .none, heartbeat: heartbeat.wall)
            )
        case .absent(let id, let version, _, let override):
            return (
                .instance(namespace, id),
                StateParcel.Mark(version: version, override: override?.version ?? .none, heartbeat: 0)
            )
        case .service(let service, let override):
            return (
                .service(namespace, service), StateParcel.Mark(version: .none, override: override.version, heartbeat: 0)
            )
        case .renewed: return nil
        }
    }
}
