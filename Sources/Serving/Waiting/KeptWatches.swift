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
        // Not held for nobody, nor when the server's stop was announced before.
        if let end = kept.reply?.end {
            kept.isWatch = true
            return resume(kept, end.wake)
        }
        if !kept.isWatch {
            kept.isWatch = true
            kept.reply?.whenEnding { [weak self, weak kept] end, _ in
                // In a turn of its own: this is called from within the transport. What waits for a list by then gets it.
                if let self, let kept, kept.cause.isChange { deliver(kept, end.wake) }
            }
        }
        kept.deadline = end
        // A stream that was told something stays in the table, where its time comes too early once and is put off then:
        // cheaper than to move it with everything that it is told.
        if kept.ticket == 0 || end < kept.alarm {
            leaveTable(kept)
            kept.ticket = table.wait(kept, until: end, isWatch: true)
            kept.alarm = end
            scheduleDeadline()
        }
        let (number, isToBeLookedAt) = watches.add(kept, watch)
        kept.watchNumber = number
        let shard: UInt64 = 1 << UInt64(Store.shard(of: watch.namespace))
        if heard & shard == 0 {
            heard |= shard
            listener?.listen(to: heard)
        }
        // What changed before that was told to nobody, or to others.
        if isToBeLookedAt, context.registry.lookup.revision(of: watch) != watch.revision { deliver(kept, .come) }
    }

    /// A call waits no longer for a change.
    func stopWatching(_ kept: KeptCall) {
        guard kept.watchNumber != 0, case .change(let watch, _) = kept.cause else { return }
        watches.remove(kept.watchNumber, watch)
        kept.watchNumber = 0
    }

    /// The time of a call that waits for a change has come, unless that was put off.
    func endWatch(_ kept: KeptCall, at now: MonotonicTime) {
        if kept.deadline > now {
            kept.ticket = table.wait(kept, until: kept.deadline, isWatch: true)
            kept.alarm = kept.deadline
        } else {
            // There may be thousands: nobody else is to wait for all of them.
            deliver(kept, .timeUp)
        }
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
        let calls = watches.takeChanged(in: changed) { namespace, service in
            service.map { lookup.revision(of: $0, in: namespace) } ?? lookup.revision(of: namespace)
        }
        // Those that nobody watches any more are listened to no longer.
        let unheard = changed & heard & ~watches.heard
        if unheard != 0 {
            heard &= ~unheard
            listener.listen(to: heard)
        }
        if calls.count > pollsAtOnce { deliverMany(calls) } else { for kept in calls { deliver(kept, .come) } }
    }

    /// Tells streams at once, and polls one part after the other if they are many.
    private func deliverMany(_ calls: [KeptCall]) {
        let polls = calls.filter { !$0.isStreamed }
        guard polls.count > pollsAtOnce else { return calls.forEach { deliver($0, .come) } }
        for kept in calls where kept.isStreamed { deliver(kept, .come) }
        let isUnderWay = !spread.isEmpty
        spread.add(polls.map { SpreadPoll(call: $0, wait: $0.wait) })
        if !isUnderWay { deliverPart() }
    }

    func deliverPart() {
        // One may have been answered meanwhile, for another reason.
        for poll in spread.next() where poll.call.wait == poll.wait { deliver(poll.call, .come) }
        if !spread.isEmpty { spreading?.schedule(afterMilliseconds: DeliveryParts.period) }
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

/// A poll that is told of a change when its part comes.
struct SpreadPoll {
    let call: KeptCall
    /// As which it waited when the change came.
    let wait: UInt64
}
