// The keep-alive of `registry register`, told what happens and when.

import TestRandom
import TestTime
import Testing
import Time

@testable import Commands

struct KeepAliveTests {
    private static let grant = Registration.Grant(id: "i", ttl: .seconds(30))

    /// A machine, its clock, and what it has asked for last.
    private struct Bench {
        var machine: KeepAlive
        var now = MonotonicTime.zero
        var chance = 0.0

        init(program: Bool = true) { machine = KeepAlive(name: "web at h:1", hasProgram: program) }

        /// What is to be done, without what is only said.
        mutating func handle(_ event: KeepAlive.Event, chance: Double? = nil) -> [KeepAlive.Step] {
            machine.handle(event, at: now, chance: chance ?? self.chance).filter {
                if case .say = $0 { false } else { true }
            }
        }
    }

    private func serving(program: Bool = true) -> Bench {
        var bench = Bench(program: program)
        #expect(bench.handle(.start) == [.register])
        let started: [KeepAlive.Step] = program ? [.startProgram] : []
        #expect(bench.handle(.registered(Self.grant)) == started + [.wake(at: MonotonicTime(milliseconds: 10_000))])
        return bench
    }

    @Test func `a lease is renewed at a third of its time, or up to a fifth of that earlier`() {
        var bench = serving()
        bench.now = MonotonicTime(milliseconds: 10_000)
        #expect(bench.handle(.timer) == [.renew("i")])
        #expect(bench.handle(.renewed, chance: 1) == [.wake(at: MonotonicTime(milliseconds: 18_000))])
    }

    @Test func `an instance that the registry has forgotten is registered again at once`() {
        var bench = serving()
        #expect(bench.handle(.timer) == [.renew("i")])
        #expect(bench.handle(.gone) == [.register])
        // The program runs already.
        #expect(bench.handle(.registered(Self.grant)) == [.wake(at: MonotonicTime(milliseconds: 10_000))])
    }

    @Test func `a program that ends is deregistered, and its status is ours`() {
        var bench = serving()
        let farewell = KeepAlive.Step.wake(at: bench.now + KeepAlive.farewell)
        #expect(bench.handle(.programEnded(status: 7)) == [.deregister("i"), farewell])
        #expect(bench.handle(.deregistered) == [.exit(7)])
        #expect(bench.handle(.timer) == [])
    }

    @Test func `a renewal under way is given up for the deregistration`() {
        var bench = serving()
        #expect(bench.handle(.timer) == [.renew("i")])
        let farewell = KeepAlive.Step.wake(at: bench.now + KeepAlive.farewell)
        #expect(bench.handle(.programEnded(status: 0)) == [.cancel, .deregister("i"), farewell])
    }

    @Test func `a registration under way is waited for, so that nothing is left behind`() {
        var bench = serving()
        #expect(bench.handle(.timer) == [.renew("i")])
        #expect(bench.handle(.gone) == [.register])
        #expect(bench.handle(.programEnded(status: 3)) == [.wake(at: bench.now + KeepAlive.farewell)])
        #expect(bench.handle(.registered(Self.grant)) == [.deregister("i")])
        #expect(bench.handle(.deregistered) == [.exit(3)])
    }

    @Test func `a registry that does not answer holds up no end`() {
        var bench = serving()
        _ = bench.handle(.programEnded(status: 5))
        #expect(bench.handle(.timer) == [.exit(5)])
        var other = serving()
        _ = other.handle(.programEnded(status: 5))
        #expect(other.handle(.failed("no answer", retryAfter: nil)) == [.exit(5)])
    }

    @Test func `a refusal at the beginning ends it before the program starts`() {
        var bench = Bench()
        #expect(bench.handle(.start) == [.register])
        #expect(bench.handle(.refused(CommandFailure(status: .notAllowed, sentence: "no"))) == [.exit(4)])
    }

    @Test func `a program runs also when the registry does not answer, and is registered when it does`() {
        var bench = Bench()
        #expect(bench.handle(.start) == [.register])
        #expect(
            bench.handle(.failed("no answer", retryAfter: nil)) == [
                .startProgram, .wake(at: MonotonicTime(milliseconds: 1_000)),
            ])
        #expect(bench.handle(.timer) == [.register])
        #expect(bench.handle(.registered(Self.grant)) == [.wake(at: MonotonicTime(milliseconds: 10_000))])
        // What was refused later may be allowed again: the token is read anew each time.
        #expect(bench.handle(.timer) == [.renew("i")])
        #expect(
            bench.handle(.refused(CommandFailure(status: .notAllowed, sentence: "no"))) == [
                .wake(at: MonotonicTime(milliseconds: 1_000))
            ])
    }

    @Test func `tries are further and further apart, but never more than a third of the lease`() {
        var bench = serving()
        var pauses: [Int64] = []
        for _ in 0..<7 {
            #expect(bench.handle(.timer) == [.renew("i")])
            guard case .wake(let time)? = bench.handle(.failed("no answer", retryAfter: nil)).last else {
                Issue.record("no timer")
                return
            }
            pauses.append((time - bench.now).wholeMilliseconds)
        }
        #expect(pauses == [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000])
        #expect(bench.handle(.timer) == [.renew("i")])
        #expect(
            bench.handle(.failed("503", retryAfter: .seconds(20))) == [.wake(at: MonotonicTime(milliseconds: 20_000))])
    }

    @Test func `what fails again and again is said once, and when it is over`() {
        var machine = KeepAlive(name: "web", hasProgram: false)
        func said(_ event: KeepAlive.Event) -> Int {
            machine.handle(event, at: .zero, chance: 0).filter { if case .say = $0 { true } else { false } }.count
        }
        #expect(said(.start) == 0)
        #expect(said(.registered(Self.grant)) == 1)
        for count in [1, 0, 0] {
            #expect(said(.timer) == 0)
            #expect(said(.failed("no answer", retryAfter: nil)) == count)
        }
        #expect(said(.timer) == 0)
        #expect(said(.renewed) == 1)
    }

    @Test func `a signal is the program's, and without a program it is the end`() {
        var bench = serving()
        #expect(bench.handle(.signal(15)) == [.passOn(15)])
        var alone = serving(program: false)
        let farewell = KeepAlive.Step.wake(at: alone.now + KeepAlive.farewell)
        #expect(alone.handle(.signal(15)) == [.deregister("i"), farewell])
        #expect(alone.handle(.deregistered) == [.exit(0)])
        var hasty = serving(program: false)
        _ = hasty.handle(.signal(15))
        #expect(hasty.handle(.signal(15)) == [.exit(143)])
        var early = Bench()
        #expect(early.handle(.start) == [.register])
        #expect(early.handle(.signal(15)) == [.wake(at: early.now + KeepAlive.farewell)])
        #expect(early.handle(.failed("no answer", retryAfter: nil)) == [.exit(143)])
    }

    private enum Asked { case registration, renewal, deregistration }

    /// A registry that has the instance or not, and loses it now and then; nothing is lost on the way.
    @Test(arguments: [UInt64(1), 2, 3])
    func `whatever happens, it asks one thing at a time, and leaves nothing registered without a reason`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for round in 0..<500 {
            var machine = KeepAlive(name: "web", hasProgram: round % 2 == 0)
            var now = MonotonicTime.zero
            var asked: Asked?
            var (isThere, isRunning, hasEnded) = (false, false, false)
            var event = KeepAlive.Event.start
            var history: [KeepAlive.Event] = []
            while !hasEnded, history.count < 80 {
                history.append(event)
                for step in machine.handle(event, at: now, chance: Double(random.next() % 100) / 100) {
                    let next: Asked
                    switch step {
                    case .register: next = .registration
                    case .renew: next = .renewal
                    case .deregister: next = .deregistration
                    case .cancel:
                        asked = nil
                        continue
                    case .startProgram:
                        #expect(!isRunning, "seed \(seed), round \(round): \(history)")
                        isRunning = true
                        continue
                    case .wake(let time):
                        now = max(now, time)
                        continue
                    case .exit:
                        hasEnded = true
                        continue
                    case .passOn, .say: continue
                    }
                    #expect(asked == nil, "seed \(seed), round \(round): \(history)")
                    asked = next
                }
                if hasEnded {
                    let isExcused =
                        switch event {
                        case .failed, .timer, .signal: true
                        default: false
                        }
                    #expect(!isThere || isExcused, "seed \(seed), round \(round): \(history)")
                    break
                }
                var next: [KeepAlive.Event] = []
                if history.count > 5 { next.append(isRunning ? .programEnded(status: 1) : .signal(15)) }
                switch asked {
                case .registration: next += [.registered(Self.grant), .failed("no answer", retryAfter: nil)]
                case .renewal: next += [isThere ? .renewed : .gone, .failed("no answer", retryAfter: nil)]
                case .deregistration: next += [isThere ? .deregistered : .gone]
                case nil: next.append(.timer)
                }
                event = next[Int(random.next() % UInt64(next.count))]
                switch event {
                case .registered: (isThere, asked) = (true, nil)
                case .deregistered: (isThere, asked) = (false, nil)
                case .gone, .failed, .renewed: asked = nil
                case .programEnded: isRunning = false
                default: break
                }
                if random.next() % 10 == 0 { isThere = false }
            }
        }
    }
}
