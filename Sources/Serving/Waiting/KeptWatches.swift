// The calls of one loop that wait for changes. The loop listens to the shards of the catalog in which something is watched
// (`ChangeBell.swift`), and looks at what is watched there when it is told of a change, and at no other time.

import Catalog
import HTTP
import Libevent
import RegistryCore
import System
import Time

extension KeptReplies {
    /// Has a call wait until there is another state than the one it knows, or until this time.
    func waitForChange(_ kept: KeptCall, _ watch: ChangeWatch, until end: MonotonicTime) {
        if !kept.isWatch {
            kept.isWatch = true
            // Not held for nobody, nor when the server's stop was announced before.
            if let end = kept.reply?.end { return resume(kept, end.wake) }
            kept.reply?.whenEnding { [weak self, weak kept] end, _ in
                // In a turn of its own: this is called from within the transport.
                if let self, let kept { deliver([kept.ticket], end.wake) }
            }
        }
        kept.ticket = table.wait(kept, until: end, isWatch: true)
        watches.add(watch, for: kept.ticket)
        let shard: UInt64 = 1 << UInt64(Store.shard(of: watch.namespace))
        if heard & shard == 0 {
            heard |= shard
            listener?.listen(to: heard)
        }
        // What changed before that was told to nobody, or to others.
        if context.registry.lookup.revision(of: watch) != watch.revision { deliver([kept.ticket], .come) }
    }

    /// A call waits no longer for a change.
    func stopWatching(_ kept: KeptCall) {
        // The shard is listened to until its next change: who polls is back by then.
        if case .change(let watch, _) = kept.cause { watches.remove(watch, of: kept.ticket) }
    }

    /// There are changes in shards that are listened to.
    func changesCame() {
        let now = MonotonicClock.now()
        let time = rhythm.next(at: now)
        if time <= now { deliverChanges() } else { look?.schedule(afterMilliseconds: Int(time.rest(at: now))) }
    }

    /// Delivers what has changed by now.
    func deliverChanges() {
        guard let listener else { return }
        rhythm.delivered(at: MonotonicClock.now())
        let changed = listener.takeChanged()
        let lookup = context.registry.lookup
        let tickets = watches.takeChanged(
            in: changed, { lookup.revision(of: $0) }, { lookup.revision(of: $0, in: $1) })
        // Those that nobody watches any more are listened to no longer.
        let unheard = changed & heard & ~watches.heard
        if unheard != 0 {
            heard &= ~unheard
            listener.listen(to: heard)
        }
        deliver(tickets, .come)
    }
}

extension Lookup {
    /// The present state of what is watched.
    fileprivate func revision(of watch: ChangeWatch) -> Revision {
        watch.service.map { revision(of: $0, in: watch.namespace) } ?? revision(of: watch.namespace)
    }
}

extension AnswerEnd {
    fileprivate var wake: Wake {
        switch self {
        case .clientGone: .clientGone
        case .draining: .draining
        }
    }
}
