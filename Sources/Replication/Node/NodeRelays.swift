// What a node does so that members which cannot reach each other receive each other's changes all the same: it says
// whom it hears, asks for those whom it misses, and passes on what it was asked for. Who is to be asked is `Relaying`'s
// to say.

import Catalog
import Time

extension Node {
    /// How long a link may be silent whose member is still said to be heard, in milliseconds: a ping and a half. Who
    /// cannot be heard by us either is not to be asked of us.
    var freshness: Duration { limits.pingPeriod + limits.pingPeriod / 2 }

    /// The members whose changes come in by a link of ours, legacy peers included.
    ///
    /// - Parameter silence: how long their links may have been silent, in milliseconds.
    func heardMembers(within silence: Duration = .forever, at time: NodeTime) -> Set<MemberID> {
        let fresh = links.values.filter { $0.subscriber != nil && time.monotonic - $0.heardAt <= silence }
        var heard = Set(fresh.compactMap { $0.peer?.member })
        for address in known.connectedOriginals { heard.insert(MemberID(original: address)) }
        return heard
    }

    /// With each tick: whom to ask for whom, and what the others are to know of that.
    func planRelays(at time: NodeTime) {
        let heard = heardMembers(at: time).union([configuration.member])
        // Whoever has not yet told us what it has need not be asked for what others have.
        let neighbors = sortedLinks().filter { $0.subscriber != nil && $0.lastCopy != nil }
        let plan = relaying.plan(
            heard: heard, neighbors: neighbors.map { Relaying.Neighbor(link: $0.id, reaches: $0.hearsay) },
            at: time.monotonic)
        for link in neighbors {
            let wanted = plan[link.id] ?? []
            guard wanted != link.relayed else { continue }
            let isMore = !wanted.isSubset(of: link.relayed)
            link.relayed = wanted
            send(FrameCodec.encode(.relay(wanted.sorted())), on: link)
            // What they said before is to be had by a copy.
            if isMore {
                actAsSubscriber(on: link, at: time) { subscriber, effects in
                    subscriber.subscribeAgain(at: time, into: &effects)
                }
            }
        }
        tellWhoIsHeard(at: time)
    }

    /// Whether what a member says comes in through the neighbour that was asked for it, all that it said before
    /// included.
    private func isRelayed(_ member: MemberID, by route: Relaying.Route) -> Bool {
        guard let link = links[route.link] else { return false }
        return link.subscriber?.isStreaming == true && link.relayed.contains(member)
    }

    /// The members whose changes come through others.
    var relayedMembers: Set<MemberID> { Set(relaying.routes.filter { isRelayed($0.key, by: $0.value) }.keys) }

    /// At once when it changes: others wait to be told whom to ask.
    private func tellWhoIsHeard(at time: NodeTime) {
        let heard = heardMembers(within: freshness, at: time)
        let isNews = relaying.tell(heard)
        let relayed = relaying.routes.filter { isRelayed($0.key, by: $0.value) }
        for link in sortedLinks() where link.publisher != nil {
            // Not to whom we hear it from: it would ask us for what it tells us.
            let reaches = relayed.filter { links[$0.value.link]?.peer?.member != link.peer?.member }.map {
                member, route in
                Reach(member: member, hops: UInt8(clamping: route.hops))
            }.sorted { $0.member < $1.member }
            if reaches != link.toldReaches {
                link.toldReaches = reaches
                send(FrameCodec.encode(.reaches(Array(reaches.prefix(Beat.heardLimit)))), on: link)
            }
            if isNews { ping(link, at: time) }
        }
    }

    // MARK: - Passing on

    /// Passes on what a member says to those who do not hear it.
    func relay(_ states: [Replicated], of origin: MemberID, at time: NodeTime) {
        pass(states, ofAny: [origin], saidBy: origin, at: time)
    }

    /// Passes on what was news to us to those who asked us for any of those that it may be from.
    func relay(dirtyShards states: [Replicated], heardOn link: Link, at time: NodeTime) {
        guard let neighbor = link.peer?.member else { return }
        pass(states, ofAny: link.relayed.union([neighbor]), saidBy: neighbor, at: time)
    }

    private func pass(
        _ states: [Replicated], ofAny origins: Set<MemberID>, saidBy neighbor: MemberID, at time: NodeTime
    ) {
        let listeners = sortedLinks().filter { listener in
            listener.peer?.member != neighbor && listener.publisher.map { !$0.relays.isDisjoint(with: origins) } == true
        }
        guard !listeners.isEmpty else { return }
        for encoded in FrameCodec.encode(states, as: .relayed) {
            for listener in listeners {
                actAsPublisher(on: listener, at: time) { publisher, effects in
                    publisher.broadcast(encoded, at: time.monotonic, into: &effects)
                }
            }
        }
    }
}
