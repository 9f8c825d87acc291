// Who the others are, as tables: whom to dial, who refuses, and which originals are not heard of.

import TestRandom
import TestTime
import Testing
import Time

@testable import Replication

struct KnownMembersTests {
    static let own = address(100)

    static func address(_ number: Int) -> PeerAddress { PeerAddress(host: "10.0.0.\(number)", port: 1) }

    private var random: any RandomNumberGenerator = SplitMix64(seed: 1)

    /// What became of the dials of an address.
    enum Fate {
        case undialed, vain(Int), refused(RefusalReason), linked, heard, original, ourself
    }

    private mutating func known(_ fates: [Fate], named: Bool = true) -> KnownMembers {
        var known = KnownMembers(own: Self.own, limits: NodeLimits())
        let addresses = fates.indices.map(Self.address)
        known.name(named ? Set(addresses) : [], isComplete: true)
        _ = known.dialNamed(and: addresses[...], at: 0)
        for (address, fate) in zip(addresses, fates) {
            switch fate {
            case .undialed: break
            case .vain(let times): for _ in 0..<times { known.dials.failed(address, at: 0, random: &random) }
            case .refused(let reason): known.dials.failed(address, refusal: reason, at: 0, random: &random)
            case .linked: _ = known.dials.linked(address, to: LinkID(number: 1), at: 0)
            case .heard:
                _ = known.dials.linked(address, to: LinkID(number: 1), at: 0)
                known.dials.heard(address, speaksFrames: true, at: 0)
            case .original:
                known.dials.heard(address, speaksFrames: false, at: 0)
                known.dials.set(.original(isCopied: false), of: address)
            case .ourself: _ = known.dials.leadsHome(address, isSearching: false, at: 0, random: &random)
            }
        }
        return known
    }

    @Test(
        arguments: [
            ([], nil), ([.undialed], nil), ([.refused(.secret)], .secret),
            ([.refused(.secret), .refused(.version)], .secret),
            ([.refused(.secret), .heard], nil), ([.refused(.secret), .vain(1)], nil),
            ([.refused(.secret), .ourself], .secret),
            ([.refused(.certificate), .original], nil),
        ] as [([Fate], RefusalReason?)])
    mutating func `all refuse this member when each that is named does`(fates: [Fate], expected: RefusalReason?) {
        #expect(known(fates).refusalByAll(isReady: false) == expected)
        #expect(known(fates).refusalByAll(isReady: true) == expected)
        #expect(known(fates, named: false).refusalByAll(isReady: false) == nil, "whom nobody names does not count")
    }

    @Test mutating func `who is not there counts for a member that is ready, and for no other`() {
        let known = known([.refused(.secret), .vain(2)])
        #expect(
            known.refusalByAll(isReady: false) == .secret, "it may be dead, and the one that refuses has everything")
        #expect(known.refusalByAll(isReady: true) == nil)
    }

    @Test(
        arguments: [
            (.undialed, true), (.vain(1), true), (.vain(2), false), (.refused(.secret), false), (.linked, false),
            (.heard, false),
            (.original, true), (.ourself, false),
        ] as [(Fate, Bool)])
    mutating func `an original is awaited while it may be there and does not read`(fate: Fate, isAwaited: Bool) {
        var known = known([fate])
        #expect(known.silentOriginals == (isAwaited ? [Self.address(0)] : []))
        known.original(Self.address(0), reads: true)
        #expect(known.silentOriginals.isEmpty)
        known.original(Self.address(0), reads: false)
        #expect(known.silentOriginals.isEmpty == !isAwaited)
    }

    @Test(
        arguments: [
            (.undialed, false), (.vain(1), false), (.linked, false), (.heard, true), (.original, false),
            (.ourself, false),
        ]
            as [(Fate, Bool)])
    mutating func `after a pause those are asked who were heard and speak frames`(fate: Fate, isAsked: Bool) {
        #expect(known([fate]).mayHaveHeard == (isAsked ? [Self.address(0)] : []))
    }

    @Test func `those that are named are dialed, and others for as long as they are told, but never this member`() {
        var known = KnownMembers(own: Self.own, limits: NodeLimits())
        known.name([Self.address(1), Self.own], isComplete: false)
        _ = known.dialNamed(and: [Self.address(2), Self.own], at: 0)
        #expect(Set(known.dials.entries.keys) == [Self.address(1), Self.address(2)])
        _ = known.dials.linked(Self.address(2), to: LinkID(number: 7), at: 0)
        #expect(known.dialNamed(and: [], at: 0) == [LinkID(number: 7)])
        #expect(!known.isComplete)
        known.name([], isComplete: true)
        known.name([], isComplete: false)
        #expect(known.isComplete, "once they were all, they are taken to be")
    }

    @Test mutating func `a refusal is noted once a second, and not again while it is the same`() {
        var known = known([.refused(.secret)])
        let address = Self.address(0)
        #expect(known.isWorthNoting(.secret, at: address, role: .dialed, 0) == false, "its dial has told that already")
        #expect(known.isWorthNoting(.version, at: address, role: .dialed, 0) == true)
        #expect(known.isWorthNoting(nil, at: address, role: .accepted, 999) == false)
        #expect(
            known.isWorthNoting(.secret, at: address, role: .accepted, 1_000) == true, "whoever dials us may be another"
        )
    }
}
