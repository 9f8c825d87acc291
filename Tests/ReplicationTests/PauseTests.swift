// What a pause leaves open, as a table.

import TestTime
import Testing
import Time

@testable import Replication

struct PauseTests {
    static let peers = (1...2).map { PeerAddress(host: "10.0.0.\($0)", port: 1) }

    /// Something that happens to a member after its pause.
    enum Event {
        case heard(Int)
        case gone(Int)
        case time(Duration)
        case knowing
    }

    /// How it then stands.
    struct Standing: Equatable {
        var isHolding = false
        var isExtended = false
        /// How the hold ended, if it did on the way.
        var end: LeaseHold.End?
    }

    static let limits = {
        var limits = NodeLimits()
        (limits.leaseHold, limits.longestLease) = (15_000, 60_000)
        return limits
    }()

    @Test(
        arguments: [
            (2, [], Standing(isHolding: true, isExtended: true)),
            (2, [.heard(0)], Standing(isHolding: true, isExtended: true)),
            (2, [.heard(0), .heard(1)], Standing(end: .heard)),
            (2, [.heard(0), .gone(1)], Standing(end: .heard)),
            (2, [.gone(0), .gone(1)], Standing(isExtended: true, end: .alone)),
            (2, [.gone(0), .gone(1), .knowing], Standing(end: .alone)),
            (2, [.time(14_999)], Standing(isHolding: true, isExtended: true)),
            (2, [.time(15_000)], Standing(isExtended: true, end: .alone)),
            (2, [.heard(1), .time(15_000)], Standing(end: .heard)),
            (2, [.gone(0), .gone(1), .time(59_999)], Standing(isExtended: true, end: .alone)),
            (2, [.gone(0), .gone(1), .time(60_000)], Standing(end: .alone)),
            (0, [], Standing(isExtended: true)),
            (0, [.time(59_999)], Standing(isExtended: true)),
            (0, [.time(60_000)], Standing()),
            (0, [.knowing], Standing()),
        ] as [(Int, [Event], Standing)])
    func `leases are held until the peers were heard, and are too long until somebody knows better`(
        peers: Int, events: [Event], expected: Standing
    ) {
        var pause = Pause()
        var now: MonotonicTime = 1_000
        #expect(
            pause.begin(awaiting: Set(Self.peers.prefix(peers)), limits: Self.limits, at: now)
                == (peers == 0 ? .alone : .holds))
        var end: LeaseHold.End?
        for event in events {
            switch event {
            case .heard(let peer): pause.heard(Self.peers[peer])
            case .gone(let peer): pause.gone(Self.peers[peer])
            case .time(let interval): now = 1_000 + interval
            case .knowing: _ = pause.settle()
            }
            end = pause.end(limits: Self.limits, at: now) ?? end
            pause.forget(at: now)
        }
        #expect(Standing(isHolding: pause.isHolding, isExtended: pause.isExtended, end: end) == expected)
        #expect(pause.awaitsPeers == pause.isHolding)
    }

    @Test func `a second pause lasts longer, and is told once`() {
        var pause = Pause()
        #expect(pause.begin(awaiting: [Self.peers[0]], limits: Self.limits, at: 0) == .holds)
        #expect(pause.begin(awaiting: [Self.peers[0]], limits: Self.limits, at: 10_000) == .stillHolds)
        #expect(pause.end(limits: Self.limits, at: 24_999) == nil)
        #expect(pause.end(limits: Self.limits, at: 25_000) == .alone)
        #expect(pause.end(limits: Self.limits, at: 25_000) == nil, "once")
    }

    @Test func `it is settled once`() {
        var pause = Pause()
        #expect(pause.settle() == false, "nothing was too long")
        _ = pause.begin(awaiting: [], limits: Self.limits, at: 0)
        #expect(pause.settle() == true)
        #expect(pause.settle() == false)
    }

    @Test func `what was said meanwhile counts from the first pause until all were heard`() {
        var pause = Pause()
        pause.noticed(gap: 300, at: 1_000)
        pause.noticed(gap: 200, at: 2_000)
        #expect(pause.startedAt == 700)
        pause.caughtUp()
        pause.noticed(gap: 200, at: 3_000)
        #expect(pause.startedAt == 2_800)
    }
}
