// Tells those who wait for changes in which shards something has changed. Nobody looks again and again, and where nobody
// waits a change costs one look at a number: who listens to a shard is known before the shard is asked for anything.
//
//   change, under the shard's lock ──► lock let go ──► anybody listening? ──► bits of the listeners ──► wake, unless woken already
//   listener: listens to the shard ──► reads the state, under the shard's lock ──► takes the bits when woken ──► reads again
//
// No change is missed between the two: whichever of them has the shard's lock later sees what the other has done.

import Synchronization

/// The listeners to a store's changes. Safe to use from any thread.
///
/// Locks: `listeners` is taken under no other lock, and none is taken under it.
final class ChangeBell: Sendable {
    /// The shards that anybody listens to, a bit for each.
    private let heard = Atomic<UInt64>(0)
    private let listeners = Mutex<[ChangeListener]>([])

    /// Something that readers see has changed in a shard. Called outside of its lock.
    func ring(_ shard: Int) {
        guard heard.load(ordering: .relaxed) & 1 << UInt64(shard) != 0 else { return }
        for listener in listeners.withLock(\.self) { listener.ring(shard) }
    }

    func add(_ listener: ChangeListener) { listeners.withLock { $0.append(listener) } }

    func remove(_ listener: ChangeListener) {
        listeners.withLock { listeners in
            listeners.removeAll { $0 === listener }
            join(listeners)
        }
    }

    fileprivate func listen(_ listener: ChangeListener, to shards: UInt64) {
        listeners.withLock { listeners in
            listener.heard.store(shards, ordering: .relaxed)
            join(listeners)
        }
    }

    private func join(_ listeners: [ChangeListener]) {
        heard.store(listeners.reduce(0) { $0 | $1.heard.load(ordering: .relaxed) }, ordering: .relaxed)
    }
}

/// One that waits for changes, such as a loop. Safe to use from any thread; shards are chosen by one.
package final class ChangeListener: Sendable {
    fileprivate let heard = Atomic<UInt64>(0)
    private let changed = Atomic<UInt64>(0)
    private let wake: @Sendable () -> Void
    private let bell: ChangeBell

    init(_ bell: ChangeBell, wake: @escaping @Sendable () -> Void) {
        self.bell = bell
        self.wake = wake
    }

    /// Listens to these shards alone, a bit for each. What is read of them afterwards is not changed unnoticed.
    package func listen(to shards: UInt64) { bell.listen(self, to: shards) }

    /// The shards with changes since this was called last. The next change wakes again.
    package func takeChanged() -> UInt64 { changed.exchange(0, ordering: .acquiringAndReleasing) }

    /// Is told of no change any more.
    package func end() { bell.remove(self) }

    fileprivate func ring(_ shard: Int) {
        let bit: UInt64 = 1 << UInt64(shard)
        guard heard.load(ordering: .relaxed) & bit != 0 else { return }
        if changed.bitwiseOr(bit, ordering: .acquiringAndReleasing).oldValue == 0 { wake() }
    }
}

extension Store {
    /// The shard that a namespace is in: a number below 64.
    package static func shard(of namespace: Namespace) -> Int { namespace.hash & (shardCount - 1) }

    /// One who is told of changes: `wake` is called by the thread that makes a change, outside of every lock, and not
    /// again before the listener has taken what has changed.
    package func listener(wake: @escaping @Sendable () -> Void) -> ChangeListener {
        let listener = ChangeListener(bell, wake: wake)
        bell.add(listener)
        return listener
    }

    /// What readers see of a namespace has changed elsewhere than in the store: in what a source has.
    package func noteElsewhere(_ namespace: Namespace) { bell.ring(number(of: namespace)) }

    /// Changes a shard. Those who listen are told when readers see anything else than before.
    func change<Result>(_ number: Int, _ body: (inout Catalog) -> Result) -> Result {
        let (result, isNews) = shards[number].catalog.withLock { catalog in
            let result = body(&catalog)
            return (result, catalog.records.takeNews())
        }
        if isNews { bell.ring(number) }
        return result
    }
}
