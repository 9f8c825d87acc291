// What is in a snapshot, counted: for whoever wants to know before a start what it will have.

import Catalog

/// The states of a snapshot by what they are and to whom they belong. A pure value.
package struct SnapshotSummary: Sendable {
    /// Those of one service.
    package struct Service: Sendable, Equatable {
        package let namespace: String
        package let name: String
        package fileprivate(set) var instances = 0
        package fileprivate(set) var overrides = 0
    }

    private struct Key: Hashable {
        let namespace: Namespace
        let name: Name
    }

    package let head: SnapshotHead
    package let end: SnapshotEnd
    package let bytes: Int
    private var found: [Key: Service] = [:]
    package private(set) var instances = 0
    package private(set) var tombstones = 0
    /// Of instances, and of those that have gone.
    package private(set) var overrides = 0
    /// Of the leases when they were read, in milliseconds; nil without instances.
    package private(set) var youngest: Int64?
    package private(set) var oldest: Int64?
    /// What is no state, and is passed over by a start.
    package private(set) var unusable = 0

    /// Reads all of a file and checks it.
    ///
    /// - Parameters:
    ///   - size: of the file, in bytes.
    ///   - read: gives so many bytes from an offset on; fewer are a file that has become shorter.
    package init(
        size: Int, read: (_ offset: Int, _ count: Int) throws(SnapshotFault) -> [UInt8]
    ) throws(SnapshotFault) {
        let index = try SnapshotIndex(size: size, read: read)
        (head, end, bytes) = (index.head, index.end, size)
        for block in index.blocks {
            let content = try read(block.offset, block.count)
            try block.check(content)
            let found = SnapshotBlock.states(in: content)
            unusable += found.unusable
            for state in found.states { add(state) }
        }
    }

    /// By namespace and name.
    package var services: [Service] {
        found.values.sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) }
    }

    private mutating func add(_ state: Replicated) {
        switch state.replica {
        case .present(let instance, _, let heartbeat):
            instances += 1
            let isOverridden = instance.override?.status != nil
            if isOverridden { overrides += 1 }
            let key = Key(namespace: state.namespace, name: instance.serviceName)
            var service = found[key] ?? Service(namespace: key.namespace.name, name: key.name.text)
            service.instances += 1
            if isOverridden { service.overrides += 1 }
            found[key] = service
            youngest = min(youngest ?? .max, heartbeat.age)
            oldest = max(oldest ?? .min, heartbeat.age)
        case .absent(_, let version, _, let override):
            if version != .none { tombstones += 1 }
            if override?.status != nil { overrides += 1 }
        case .service(_, let override): if override.status != nil { overrides += 1 }
        case .renewed: break
        }
    }
}
