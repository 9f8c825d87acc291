// What `registry register --keep-alive` does, as a value: it is told what happens and when, and says what to do next.
// Sockets, signals and the program are its shell's.
//
//   first registration ──► program runs, lease is renewed ──► program has ended ──► deregistered ──► exit
//        │ refused: exit        │ 410: registered again             │ no answer: the lease will lapse, exit
//        └ no answer: the program runs all the same, and is registered when the registry is back

import Time

/// One instance that is kept registered while a program runs, or until a signal comes.
struct KeepAlive: Sendable {
    /// What happens.
    enum Event: Sendable, Equatable {
        case start
        /// The answer to the registration that was asked for.
        case registered(Registration.Grant)
        case renewed
        /// The lease was unknown: 410.
        case gone
        case deregistered
        /// The request that is under way has failed, for a reason that may pass; how long to wait at least.
        case failed(String, retryAfter: Duration?)
        /// It was refused for what it is.
        case refused(CommandFailure)
        case programEnded(status: Int32)
        case signal(Int32)
        case timer
    }

    /// What is to be done, in order.
    enum Step: Sendable, Equatable {
        case register
        case renew(String)
        case deregister(String)
        /// Whatever request is under way is given up.
        case cancel
        case startProgram
        case passOn(Int32)
        /// Replaces the one before.
        case wake(at: MonotonicTime)
        case say(String)
        case exit(Int32)
    }

    /// The longest time between two tries while the registry does not answer.
    private static let longestPause: Duration = .seconds(30)
    private static let firstPause: Duration = .seconds(1)
    /// How long deregistering may take once there is nothing else to do.
    static let farewell: Duration = .seconds(5)
    /// Of the time between two renewals a part is left out at random, so that instances that began together do not renew
    /// together.
    private static let spread = 0.2
    /// What a lease is taken for whose length the registry does not say.
    private static let leastInterval: Duration = .milliseconds(300)

    private enum Phase: Equatable {
        /// Nothing has been answered yet.
        case beginning
        case serving
        /// The status to exit with.
        case leaving(Int32)
        case over
    }

    private enum Request { case registration, renewal, deregistration }

    private let hasProgram: Bool
    private let name: String
    private var phase = Phase.beginning
    private var grant: Registration.Grant?
    /// Whether the registry is thought to have the instance.
    private var isRegistered = false
    private var underWay: Request?
    private var isProgramStarted = false
    /// Failures in a row.
    private var failures = 0

    /// - Parameter name: the instance in words, for what is said.
    init(name: String, hasProgram: Bool) {
        self.name = name
        self.hasProgram = hasProgram
    }

    /// - Parameter chance: from 0 to 1, at random.
    mutating func handle(_ event: Event, at now: MonotonicTime, chance: Double) -> [Step] {
        if case .over = phase { return [] }
        if case .leaving(let status) = phase { return leave(event, status) }
        switch event {
        case .start, .timer: return ask()
        case .registered(let grant): return registered(grant, at: now, chance)
        case .renewed:
            underWay = nil
            let wasSilent = failures > 0
            failures = 0
            return (wasSilent ? [.say("renewed \(name)")] : []) + [wake(at: now, chance)]
        case .gone:
            underWay = .registration
            isRegistered = false
            return [.say("the registry no longer has \(name): registering it again"), .register]
        case .failed(let reason, let retryAfter): return failed(reason, retryAfter, at: now, chance)
        case .refused(let failure): return refused(failure, at: now, chance)
        case .deregistered: return []
        case .programEnded(let status): return end(status, at: now)
        case .signal(let number):
            if hasProgram { return isProgramStarted ? [.passOn(number)] : end(128 + number, at: now) }
            return end(0, at: now)
        }
    }

    private mutating func ask() -> [Step] {
        // A timer that came while a request was under way: its answer sets the next.
        guard underWay == nil else { return [] }
        if isRegistered, let grant {
            underWay = .renewal
            return [.renew(grant.id)]
        }
        underWay = .registration
        return [.register]
    }

    private mutating func registered(_ grant: Registration.Grant, at now: MonotonicTime, _ chance: Double) -> [Step] {
        underWay = nil
        failures = 0
        self.grant = grant
        isRegistered = true
        phase = .serving
        let lease = TimeText.span(nanoseconds: grant.ttl.wholeNanoseconds)
        return [.say("registered \(name) as \(TerminalText.escaped(grant.id)) for \(lease)")] + program()
            + [wake(at: now, chance)]
    }

    private mutating func failed(
        _ reason: String, _ retryAfter: Duration?, at now: MonotonicTime, _ chance: Double
    ) -> [Step] {
        underWay = nil
        failures += 1
        phase = .serving
        // Once: it goes on failing for the same reason mostly.
        let words: [Step] =
            failures == 1
            ? [.say("\(reason); trying again until \(name) is \(isRegistered ? "renewed" : "registered")")] : []
        return words + program() + [.wake(at: now + pause(chance, atLeast: retryAfter))]
    }

    private mutating func refused(_ failure: CommandFailure, at now: MonotonicTime, _ chance: Double) -> [Step] {
        guard phase == .beginning else { return failed(failure.sentence, nil, at: now, chance) }
        phase = .over
        return [.say(failure.sentence), .exit(failure.status.rawValue)]
    }

    private mutating func program() -> [Step] {
        guard hasProgram, !isProgramStarted else { return [] }
        isProgramStarted = true
        return [.startProgram]
    }

    /// A third of the lease, or a little less.
    private func wake(at now: MonotonicTime, _ chance: Double) -> Step {
        let third = max((grant?.ttl ?? .zero) / 3, Self.leastInterval)
        return .wake(at: now + third * (1 - Self.spread * chance))
    }

    /// Doubles with each failure, and is never longer than what is left of a lease allows: a third of it.
    private func pause(_ chance: Double, atLeast least: Duration?) -> Duration {
        let doubled = Self.firstPause * Double(1 << min(failures - 1, 10))
        let most =
            isRegistered
            ? min(Self.longestPause, max((grant?.ttl ?? .zero) / 3, Self.leastInterval)) : Self.longestPause
        return max(min(doubled, most) * (1 - Self.spread * chance), min(least ?? .zero, Self.longestPause))
    }

    // MARK: - The end

    private mutating func end(_ status: Int32, at now: MonotonicTime) -> [Step] {
        phase = .leaving(status)
        // One whose registration is under way is registered in a moment, under an id that is not known yet.
        if underWay == .registration { return [.wake(at: now + Self.farewell)] }
        guard isRegistered, let grant else { return exit(status, saying: nil) }
        let steps: [Step] = underWay == nil ? [] : [.cancel]
        underWay = .deregistration
        return steps + [.deregister(grant.id), .wake(at: now + Self.farewell)]
    }

    private mutating func leave(_ event: Event, _ status: Int32) -> [Step] {
        switch event {
        case .registered(let grant):
            self.grant = grant
            isRegistered = true
            underWay = .deregistration
            return [.deregister(grant.id)]
        case .deregistered, .gone: return exit(status, saying: "deregistered \(name)")
        case .failed(let reason, _): return exit(status, saying: isRegistered ? lapse(reason) : nil)
        case .refused(let failure): return exit(status, saying: isRegistered ? lapse(failure.sentence) : nil)
        case .timer: return exit(status, saying: isRegistered ? lapse("there was no answer in time") : nil)
        // A second one: somebody does not want to wait.
        case .signal(let number): return exit(hasProgram ? status : 128 + number, saying: nil)
        case .start, .renewed, .programEnded: return []
        }
    }

    private func lapse(_ reason: String) -> String {
        let lease = TimeText.span(nanoseconds: (grant?.ttl ?? .zero).wholeNanoseconds)
        return "\(reason); \(name) was not deregistered, its lease ends within \(lease)"
    }

    private mutating func exit(_ status: Int32, saying words: String?) -> [Step] {
        phase = .over
        return (words.map { [.say($0)] } ?? []) + [.exit(status)]
    }
}
