// What a node tells `Hearing` of its links, and what it has the shell do about the judgment.

import Catalog
import Time

extension Node {
    /// With each tick: whether the other members are heard, so that what they have not told is not taken for what they
    /// have not heard.
    func judgeHearing(at time: NodeTime) {
        guard let (dirtyShards, event) = judgments.judgeHearing(sight(at: time), at: time.monotonic) else { return }
        directives.append(.peersHeard(dirtyShards))
        if let event { note(event) }
    }

    private func sight(at time: NodeTime) -> Hearing.Sight {
        var sight = Hearing.Sight()
        for link in links.values where link.subscriber != nil {
            guard let peer = link.peer else { continue }
            sight.linked.insert(peer.member)
            sight.trueCopies[peer.member] = link.trueCopyAt
            guard time.monotonic - link.heardAt <= freshness else { continue }
            sight.claimed.formUnion(link.hearsay.keys)
            // Until its copy is whole it may have more to tell of what it has heard.
            if link.lastCopy != nil { sight.heard[peer.member] = .some(peer.address) }
        }
        for address in known.connectedOriginals { sight.heard[MemberID(original: address)] = .some(address) }
        for member in relayedMembers where sight.heard[member] == nil { sight.heard[member] = .some(nil) }
        return sight
    }
}
