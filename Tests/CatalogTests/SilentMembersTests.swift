// Members that hear of heartbeats at different times, while many instances are silent: each lets leases go by itself,
// and still nothing that one has let go comes back from another, and all come to hold the same.

import TestCatalog
import TestRandom
import TestTime
import Testing
import Time

@testable import Catalog

struct SilentMembersTests {
    /// A member, and what it was seen to hold.
    private struct Member {
        let store: Store
        /// Seconds.
        let start: Int
        var found: Set<UInt64> = []
        /// When instances were last seen to be gone.
        var gone: [UInt64: Int] = [:]

        init(_ number: UInt64, start: Int) {
            store = Store(namespaceCapacity: nil, replicating: MemberID(bits: number))
            self.start = start
        }

        /// It has a copy of the others two seconds after it has begun.
        func isReady(at now: Int) -> Bool { start == 0 || now >= start + 2 }
    }

    private static let count: UInt64 = 150
    private static let silent: UInt64 = 100
    private static let hold: Int64 = 300_000
    /// The longest time in transit, in seconds.
    private static let transit = 3

    private static func bounds(_ member: Member, at now: Int) -> ExpiryBounds {
        var bounds = ExpiryBounds()
        bounds.budget = ExpiryBudget(share: 20, longest: hold)
        bounds.budget.waits = !member.isReady(at: now)
        return bounds
    }

    /// Whether an instance sends heartbeats: two thirds fall silent at 60 s, of which a few are heard again.
    private static func sends(_ id: UInt64, at now: Int) -> Bool {
        id >= silent || now < 60 || id.isMultiple(of: 5) && now >= 200 + Int(id)
    }

    @Test(arguments: 0..<8)
    func `nothing comes back that has not been heard, and members come to hold the same`(seed: UInt64) {
        // R876 … It takes over what others hold, but nothing that it has itself let go.
        var random = SplitMix64(seed: seed)
        // The third begins in the middle of it.
        var members = [Member(1, start: 0), Member(2, start: 0), Member(3, start: 70 + Int(seed) * 20)]
        var mail: [Int: [(to: Int, state: Replicated)]] = [:]
        var (sent, differing) = ([UInt64: Int](), [UInt64: Int]())
        for now in 0..<700 {
            let moment = moment(Int64(now) * 1_000)
            let live = members.indices.filter { now >= members[$0].start }
            for letter in mail.removeValue(forKey: now) ?? [] where live.contains(letter.to) {
                _ = members[letter.to].store.merge(letter.state, at: moment)
            }
            for id in 0..<Self.count where (now + Int(id)).isMultiple(of: 10) && Self.sends(id, at: now) {
                let ready = live.filter { members[$0].isReady(at: now) }
                let taker = ready[Int.random(in: 0..<ready.count, using: &random)]
                let store = members[taker].store
                sent[id] = now
                if !store.renew(.digest(id), in: tenant, at: moment) {
                    _ = store.apply(.register(makeInstance(id)), in: tenant, at: moment)
                }
                // Its time in transit is not part of a heartbeat's age.
                guard let state = store.state(of: .digest(id), in: tenant, at: moment) else { continue }
                for other in live where other != taker {
                    mail[now + .random(in: 0...Self.transit, using: &random), default: []].append((other, state))
                }
            }
            // Everybody copies everything from everybody.
            if now % 10 == 5 || live.contains(where: { now == members[$0].start + 1 }) {
                for (from, to) in live.flatMap({ from in live.map { (from, $0) } }) where from != to {
                    for state in members[from].store.copy(from: .start, limit: 10_000, at: moment).items {
                        _ = members[to].store.merge(state, at: moment)
                    }
                }
            }
            for index in live {
                let bounds = Self.bounds(members[index], at: now)
                if now == members[index].start { members[index].store.judge(by: bounds) }
                while members[index].store.expire(at: moment, bounds: bounds, budget: 64).hasMore {}
                note(&members[index], at: now, sent, "seed \(seed), member \(index)")
            }
            let held = live.filter { members[$0].isReady(at: now) }.map { members[$0].found }
            for id in 0..<Self.count {
                let isSame = Set(held.map { $0.contains(id) }).count == 1
                differing[id] = isSame ? nil : differing[id] ?? now
                let since = now - (differing[id] ?? now)
                // One that began in the middle counts minutes of its own.
                #expect(since * 1_000 <= Self.hold, "seed \(seed): \(id) differs for \(since) s at \(now) s")
            }
        }
        for member in members {
            member.store.checkInvariants()
            #expect(member.store.digest() == members[0].store.digest(), "seed \(seed)")
            #expect(member.found == Set((0..<Self.count).filter { Self.sends($0, at: 600) }), "seed \(seed)")
        }
    }

    /// Looks at what a member holds: what was gone is there again only if it has sent something since.
    private func note(_ member: inout Member, at now: Int, _ sent: [UInt64: Int], _ place: String) {
        let found = Set(
            member.store.instances(of: Name("web"), in: tenant, at: at(Int64(now) * 1_000)).compactMap { leased in
                if case .digest(let id) = leased.instance.id { id } else { nil }
            })
        for id in found.subtracting(member.found) {
            guard let gone = member.gone[id] else { continue }
            let isHeard = sent[id].map { $0 >= gone - Self.transit } ?? false
            #expect(isHeard, "\(place): \(id) is back at \(now) s, gone at \(gone) s, heard at \(sent[id] ?? -1) s")
        }
        for id in member.found.subtracting(found) { member.gone[id] = now }
        member.found = found
    }
}
