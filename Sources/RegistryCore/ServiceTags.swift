// Which services a namespace has, and which tags occur in each: the one list that changes with the set of names and
// tags, and not with every instance. Its index is found by comparison with the list as it was when somebody last asked,
// so a registration costs nothing for it, and a namespace in which nobody asks has none.

package import Catalog
import Synchronization

/// A service and the tags of its instances.
package struct TaggedService: Sendable {
    package let name: Name
    /// The service's when it was read.
    package let revision: Revision
    /// Whether it has an instance with an address. One without is kept so that it need not be read again, and is no
    /// part of the list.
    package let isListed: Bool
    /// UTF-8, sorted, each once; those of instances with an address.
    package let tags: [[UInt8]]

    package init(_ name: Name, revision: Revision, isListed: Bool = true, tags: [[UInt8]]) {
        self.name = name
        self.revision = revision
        self.isListed = isListed
        self.tags = tags
    }
}

/// The services of a namespace, at one moment. Immutable.
package final class TaggedServices: Sendable {
    /// The namespace's when it was read.
    package let revision: Revision
    /// Of the last change of the set of names and their tags that has been seen; above 0.
    package let index: UInt64
    /// Sorted by name.
    package let services: [TaggedService]
    /// Roughly what it takes, in bytes.
    fileprivate let size: Int

    init(revision: Revision, index: UInt64, services: [TaggedService]) {
        self.revision = revision
        self.index = index
        self.services = services
        size = services.reduce(Self.overhead) { size, service in
            service.tags.reduce(size + Self.overhead + service.name.text.utf8.count) { $0 + Self.overhead + $1.count }
        }
    }

    /// Of an array and what leads to it, in bytes.
    private static let overhead = 64
}

/// What is known of the services of namespaces. Safe to use from any thread.
package final class ServiceTags: Sendable {
    /// Bytes that all may take, and how many there may be. The one that was not asked for the longest goes first; the
    /// next answer then has the index of the namespace, which is not before the one that it had.
    static let byteLimit = 64 << 20
    static let countLimit = 1_024

    private struct Kept {
        var list: TaggedServices
        var lastUse: UInt64
    }

    private struct State {
        var kept: [Namespace: Kept] = [:]
        /// Invariant: the sizes of all.
        var bytes = 0
        var uses: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// As it was when somebody last asked; nil when nobody has, or that is forgotten.
    package func last(of namespace: Namespace) -> TaggedServices? {
        state.withLock { state in
            state.uses += 1
            state.kept[namespace]?.lastUse = state.uses
            return state.kept[namespace]?.list
        }
    }

    /// Takes note of what was read of a namespace, and gives it its index: the one that it had if it has not changed
    /// since. Where another thread has read the present state meanwhile, that is given.
    ///
    /// - Parameters:
    ///   - services: sorted by name.
    ///   - revision: the namespace's before they were read.
    package func note(_ services: [TaggedService], of namespace: Namespace, revision: Revision, _ lookup: Lookup)
        -> TaggedServices
    {
        // Compared outside of the lock; anew if another thread was quicker.
        while true {
            let known = last(of: namespace)
            if let known, known.revision != revision, known.revision == lookup.revision(of: namespace) { return known }
            let index =
                known.map { known in
                    Self.lastChange(from: known.services, to: services) { lookup.index(of: $0, in: namespace) }
                        .map { max($0, known.index + 1) } ?? known.index
                } ?? max(lookup.index(of: nil, in: namespace), revision.index)
            let list = TaggedServices(revision: revision, index: index, services: services)
            if put(list, of: namespace, inPlaceOf: known) { return list }
        }
    }

    private func put(_ list: TaggedServices, of namespace: Namespace, inPlaceOf known: TaggedServices?) -> Bool {
        state.withLock { state in
            guard state.kept[namespace]?.list === known else { return false }
            state.bytes -= known?.size ?? 0
            state.kept[namespace] = nil
            // Not kept at the cost of all others.
            guard list.size <= Self.byteLimit else { return true }
            state.bytes += list.size
            state.uses += 1
            state.kept[namespace] = Kept(list: list, lastUse: state.uses)
            while state.bytes > Self.byteLimit || state.kept.count > Self.countLimit,
                let (oldest, kept) = state.kept.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                state.bytes -= kept.list.size
                state.kept[oldest] = nil
            }
            return true
        }
    }

    /// The index of the last change that leads from one list to another; nil when they are the same.
    ///
    /// - Parameter index: of the change by which a service has gone.
    static func lastChange(from old: [TaggedService], to new: [TaggedService], index: (Name) -> UInt64) -> UInt64? {
        var last: UInt64?
        func add(_ index: UInt64) { last = max(last ?? 0, index) }
        var (left, right) = (0, 0)
        while left < old.count || right < new.count {
            if right == new.count || left < old.count && old[left].name < new[right].name {
                if old[left].isListed { add(index(old[left].name)) }
                left += 1
            } else if left == old.count || new[right].name < old[left].name {
                if new[right].isListed { add(new[right].revision.index) }
                right += 1
            } else {
                if new[right].isListed != old[left].isListed || new[right].tags != old[left].tags {
                    add(new[right].revision.index)
                }
                (left, right) = (left + 1, right + 1)
            }
        }
        return last
    }
}
