// Carries out what `KeepAlive` says: makes the requests, starts the program, passes signals on to it, and waits.

import Glibc
import HTTP
import Libevent
import System
import Time

/// Keeps one instance registered. Belongs to the main thread.
final class KeepAliveRun {
    /// What is passed on to the program, or ends the registration where there is none.
    private static let signals = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH]
    private static let stopSignals: Set = [SIGTERM, SIGINT, SIGHUP, SIGQUIT]

    private let client: RegistryClient
    private let registration: Registration
    private let program: [String]
    private var machine: KeepAlive
    private var child: ChildProcess?
    private var timer: LoopEvent?
    private var watched: [LoopEvent] = []
    /// What steps are to follow once those at hand are carried out.
    private var events: [KeepAlive.Event] = []
    private var isCarryingOut = false
    /// Requests that were given up have lower numbers.
    private var request = 0
    private var status: Int32 = 0

    /// - Parameter program: empty for none.
    init(_ client: RegistryClient, _ registration: Registration, program: [String]) {
        self.client = client
        self.registration = registration
        self.program = program
        machine = KeepAlive(
            name: TerminalText.escaped("\(registration.service) at \(registration.endpoint)"),
            hasProgram: !program.isEmpty)
    }

    /// Returns the exit status when all is over.
    func run() throws(CommandFailure) -> Int32 {
        SignalDisposition.unblock(Self.signals + [SIGCHLD])
        do throws(LibeventError) {
            timer = try LoopEvent.timer(on: client.loop) { [unowned self] onLoop in handle(.timer, onLoop) }
            for number in Self.signals where !SignalDisposition.isIgnored(number) {
                guard !program.isEmpty || Self.stopSignals.contains(number) else { continue }
                watched.append(
                    try LoopEvent.signal(number, on: client.loop) { [unowned self] onLoop in
                        handle(.signal(number), onLoop)
                    })
            }
            watched.append(
                try LoopEvent.signal(SIGCHLD, on: client.loop) { [unowned self] onLoop in lookAtChild(onLoop) })
        } catch {
            throw CommandFailure(status: .noAnswer, sentence: "signals cannot be waited for: \(error)")
        }
        try client.run { [self] onLoop in handle(.start, onLoop) }
        return status
    }

    private func handle(_ event: KeepAlive.Event, _ onLoop: borrowing OnLoop) {
        events.append(event)
        guard !isCarryingOut else { return }
        isCarryingOut = true
        defer { isCarryingOut = false }
        while !events.isEmpty {
            let steps = machine.handle(
                events.removeFirst(), at: MonotonicClock.now(), chance: Double.random(in: 0...1))
            for step in steps { carryOut(step, onLoop) }
        }
    }

    private func carryOut(_ step: KeepAlive.Step, _ onLoop: borrowing OnLoop) {
        switch step {
        case .register: ask(registration.request, onLoop) { Self.outcome(ofRegistration: $0) }
        case .renew(let id): ask(.heartbeat(id), onLoop) { Self.outcome($0, success: .renewed) }
        case .deregister(let id): ask(.deregistration(of: id), onLoop) { Self.outcome($0, success: .deregistered) }
        case .cancel:
            request += 1
            client.close(onLoop)
        case .startProgram: startProgram(onLoop)
        case .passOn(let number): passOn(number)
        case .wake(let time):
            timer?.schedule(afterMilliseconds: Int(clamping: time.rest(at: MonotonicClock.now())))
        case .say(let words): StandardStream.error.write("registry: \(words)\n")
        case .exit(let status):
            self.status = status
            client.close(onLoop)
            client.loop.stop(onLoop)
        }
    }

    private func ask(
        _ question: RegistryRequest, _ onLoop: borrowing OnLoop,
        _ outcome: @escaping (Result<RegistryAnswer, CommandFailure>) -> KeepAlive.Event
    ) {
        request += 1
        let number = request
        client.ask(question, onLoop) { [unowned self] result, onLoop in
            if number == request { handle(outcome(result), onLoop) }
        }
    }

    private static func outcome(ofRegistration result: Result<RegistryAnswer, CommandFailure>) -> KeepAlive.Event {
        guard case .success(let answer) = result, answer.failure == nil else { return outcome(result, success: .gone) }
        guard let grant = Registration.Grant(answer.body) else { return .refused(answer.notARegistry) }
        return .registered(grant)
    }

    private static func outcome(_ result: Result<RegistryAnswer, CommandFailure>, success: KeepAlive.Event)
        -> KeepAlive.Event
    {
        switch result {
        case .failure(let failure):
            return failure.status == .usage ? .refused(failure) : .failed(failure.sentence, retryAfter: nil)
        case .success(let answer):
            guard let failure = answer.failure else { return success }
            if answer.status == 410 { return .gone }
            // 408, 429 and what is the registry's fault pass by themselves.
            let passes = answer.status >= 500 || answer.status == 408 || answer.status == 429
            return passes ? .failed(failure.sentence, retryAfter: answer.retryAfter) : .refused(failure)
        }
    }

    // MARK: - The program

    private func startProgram(_ onLoop: borrowing OnLoop) {
        do throws(ChildProcess.StartFailure) {
            child = try ChildProcess(program)
        } catch {
            let name = TerminalText.escaped(program.first ?? "")
            StandardStream.error.write("registry: \(name) cannot be started: \(error)\n")
            let status: ExitStatus = error.isMissing ? .noProgram : .notExecutable
            handle(.programEnded(status: status.rawValue), onLoop)
        }
    }

    private func lookAtChild(_ onLoop: borrowing OnLoop) {
        guard let end = child?.end() else { return }
        child = nil
        handle(.programEnded(status: end.shellStatus), onLoop)
    }

    private func passOn(_ number: Int32) {
        // What is typed at a terminal, and its size, the program is told by the terminal itself.
        let isTyped = [SIGINT, SIGQUIT, SIGWINCH].contains(number) && Terminal.isOurs
        if !isTyped { child?.send(number) }
    }
}
