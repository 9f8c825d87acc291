// How a member comes to serve, step by step.

import TestTime
import Testing
import Time

@testable import Replication

struct StartupTests {
    static let peers = (1...2).map { PeerAddress(host: "10.0.0.\($0)", port: 1) }

    static func startup(acknowledges: Bool = true, usesDirectory: Bool = false, clusterSize: Int? = nil) -> Startup {
        var configuration = NodeConfiguration(
            member: .init(bits: 1), name: "m", address: PeerAddress(host: "10.0.0.100", port: 1),
            clusterSize: clusterSize,
            syncTimeout: 8_000)
        configuration.usesDirectory = usesDirectory
        configuration.limits.acknowledges = acknowledges
        configuration.limits.linkingTime = 2_000
        return Startup(configuration, at: 0)
    }

    /// What is known of one other member, as long as it is known.
    static func ground(
        _ startup: inout Startup, _ probe: Readiness.Probe, isRefused: Bool = false, at now: MonotonicTime
    )
        -> Startup.GroundVerdict?
    {
        startup.judgeGround([peers[0]: probe], isMembershipKnown: true, isRefused: isRefused, at: now)
    }

    @Test(
        arguments: [
            (nil, 100, false), (nil, 1_999, false), (nil, 2_000, true), (50, 100, true), (150, 100, false),
            (150, 2_500, true),
        ] as [(MonotonicTime?, MonotonicTime, Bool)])
    func `look-ups are answered when members wait for each other, or time is up`(
        linkedAt: MonotonicTime?, now: MonotonicTime, isServing: Bool
    ) {
        var startup = Self.startup()
        #expect(startup.judgeServing(isLinked: true, at: 0) == nil, "it has no ground")
        #expect(Self.ground(&startup, .copied(wasReady: true), at: 0) == .found)
        let ground = startup.judgeServing(isLinked: linkedAt.map { $0 <= now } ?? false, at: now)
        #expect(ground == (isServing ? .copied(from: Self.peers[0]) : nil))
        #expect(startup.isServing == isServing)
        #expect(
            startup.judgeServing(isLinked: true, at: 9_000) == (isServing ? nil : .copied(from: Self.peers[0])),
            "it is told once")
    }

    @Test(arguments: [(true, true), (true, false), (false, true)])
    func `changes are acknowledged when those that answer clients read from here, or time is up`(
        acknowledges: Bool, reaches: Bool
    ) {
        var startup = Self.startup(acknowledges: acknowledges)
        #expect(startup.isReaching == acknowledges)
        #expect(startup.judgeReach(reachesAll: reaches, at: 100) == (acknowledges && reaches))
        #expect(startup.judgeReach(reachesAll: false, at: 2_000) == (acknowledges && !reaches))
        #expect(!startup.isReaching)
        #expect(startup.judgeReach(reachesAll: true, at: 3_000) == false, "it is told once")
    }

    @Test func `a ground is found once, and stays`() {
        var startup = Self.startup()
        #expect(Self.ground(&startup, .copying, at: 100) == nil)
        #expect(Self.ground(&startup, .copied(wasReady: true), at: 200) == .found)
        #expect(Self.ground(&startup, .silent, at: 20_000) == nil)
        #expect(startup.ground == .copied(from: Self.peers[0]))
    }

    @Test func `that it takes long is told once, and only when somebody has answered`() {
        var (silent, answered) = (Self.startup(), Self.startup())
        answered.answered(at: 100)
        #expect(Self.ground(&answered, .copying, at: 7_900) == nil)
        #expect(Self.ground(&answered, .copying, at: 8_000) == .overdue)
        #expect(Self.ground(&answered, .copying, at: 8_100) == nil)
        #expect(Self.ground(&silent, .copying, at: 8_000) == nil)
    }

    @Test func `who is refused by all, or has not seen the directory, concludes nothing from silence`() {
        var startup = Self.startup(usesDirectory: true)
        #expect(Self.ground(&startup, .silent, at: 9_000) == nil)
        startup.directoryServes(at: 10_000)
        #expect(Self.ground(&startup, .silent, at: 17_900) == nil, "only from now on does silence mean anything")
        #expect(Self.ground(&startup, .silent, isRefused: true, at: 18_000) == nil)
        startup.refused(at: 18_000)
        #expect(Self.ground(&startup, .silent, at: 18_100) == nil, "who refuses is there, and may have been restarted")
        #expect(Self.ground(&startup, .silent, at: 18_000 + startup.silence) == .found)
    }

    @Test func `traffic is asked for after all else, and the report comes when it changes`() {
        var startup = Self.startup()
        func report(_ refusal: RefusalReason? = nil, awaitsOriginals: Bool = false, at now: MonotonicTime)
            -> ReadinessHold??
        {
            startup.judgeTraffic(refusal: refusal, awaitsOriginals: awaitsOriginals, at: now).map(\.hold)
        }
        _ = report(at: 0)
        #expect(report(at: 100) == nil)
        #expect(report(.secret, at: 200) == .some(.refused(.secret)))
        startup.answered(at: 300)
        #expect(report(at: 300) == .some(.copying))
        _ = Self.ground(&startup, .copied(wasReady: true), at: 400)
        #expect(report(at: 400) == .some(.linking))
        _ = startup.judgeServing(isLinked: true, at: 500)
        #expect(report(awaitsOriginals: true, at: 500) == .some(.originals))
        #expect(report(at: 600) == .some(nil))
        #expect(startup.report.isReady)
        #expect(report(.secret, at: 700) == nil, "it stays so")
    }

    @Test func `that all refuse is told once, until one lets this member in`() {
        var startup = Self.startup()
        #expect(startup.tell(.secret, isLetIn: false) == .secret)
        #expect(startup.tell(.secret, isLetIn: false) == nil)
        #expect(startup.tell(nil, isLetIn: false) == nil)
        #expect(startup.tell(.secret, isLetIn: false) == nil, "no more than a dial that took too long")
        #expect(startup.tell(.version, isLetIn: false) == .version)
        #expect(startup.tell(nil, isLetIn: true) == nil)
        #expect(startup.tell(.version, isLetIn: false) == .version)
    }
}
