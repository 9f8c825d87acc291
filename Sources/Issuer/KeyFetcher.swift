// Asks an issuer for its keys, on a thread of its own beside the loops, whenever the schedule says so. What comes of it
// is told to the process, which keeps the keys.

package import Authorization
import HTTP
import HTTPClient
import Libevent
package import System
import Time

/// Keeps asking one issuer.
package struct KeyFetcher: Sendable {
    package static let threadName = "issuer"

    /// What comes of a question.
    package struct Outcome: Sendable {
        /// The page that was asked last.
        package let page: String
        package let keys: Result<KeySet, KeyQuestionFault>
    }

    /// By how much the thread yields to those that serve clients.
    private static let niceness: Int32 = 5
    /// How long it waits until it tries again when its authorities cannot be read, or the system gives no loop.
    private static let pause: Duration = .seconds(5)

    private let address: IssuerAddress
    private let authorityPath: String?
    private let schedule: IssuerKeys
    private let tell: @Sendable (Outcome) -> Void

    /// - Parameters:
    ///   - authorityPath: whose certificates are trusted; nil: the system's.
    ///   - tell: is called on this fetcher's thread.
    package init(
        _ address: IssuerAddress, authorityPath: String?, _ schedule: IssuerKeys,
        tell: @escaping @Sendable (Outcome) -> Void
    ) {
        self.address = address
        self.authorityPath = authorityPath
        self.schedule = schedule
        self.tell = tell
    }

    /// Asks until it is stopped; `due` is raised when the schedule has changed.
    package func run(due: WakeSignal, until stop: WakeSignal) {
        NamedThread.yieldToOthers(Self.niceness)
        while !stop.isRaised {
            do {
                let loop = try EventLoop()
                let asker = try KeyAsker(address, authorityPath, schedule, on: loop, tell)
                try withExtendedLifetime(asker) {
                    let wake = try LoopEvent.raised(due, on: loop) { onLoop in
                        due.lower()
                        asker.look(onLoop)
                    }
                    let end = try LoopEvent.raised(stop, on: loop) { onLoop in
                        asker.close(onLoop)
                        loop.stop(onLoop)
                    }
                    withExtendedLifetime((wake, end)) { loop.run() }
                }
            } catch {
                let now = MonotonicClock.now()
                _ = schedule.begin(at: now)
                schedule.end(withKeys: false, at: now)
                tell(Outcome(page: address.first.description, keys: .failure(.unreachable("\(error)"))))
                stop.wait(until: now + Self.pause)
            }
        }
    }
}

/// Asks on one loop, to whose thread it belongs.
private final class KeyAsker {
    private let address: IssuerAddress
    private let schedule: IssuerKeys
    private let tell: (KeyFetcher.Outcome) -> Void
    private let client: HTTPClient
    private var timer: LoopEvent?

    init(
        _ address: IssuerAddress, _ authorityPath: String?, _ schedule: IssuerKeys, on loop: EventLoop,
        _ tell: @escaping (KeyFetcher.Outcome) -> Void
    ) throws {
        self.address = address
        self.schedule = schedule
        self.tell = tell
        client = try HTTPClient(on: loop)
        if address.first.isSecure { try client.believe(authorityPath: authorityPath) }
        timer = try LoopEvent.timer(on: loop) { [unowned self] onLoop in look(onLoop) }
        timer?.schedule(afterMilliseconds: 0)
    }

    func close(_ onLoop: borrowing OnLoop) {
        timer = nil
        client.close(onLoop)
    }

    /// Asks, if that is due; else looks again when it will be.
    func look(_ onLoop: borrowing OnLoop) {
        let now = MonotonicClock.now()
        if schedule.begin(at: now) {
            client.renewTrust()
            ask(KeyQuestion(to: address), onLoop)
        } else if let next = schedule.next {
            timer?.schedule(afterMilliseconds: Int(max(1, next.rest(at: now))))
        }
    }

    private func ask(_ question: KeyQuestion, _ onLoop: borrowing OnLoop) {
        client.fetch(Self.request(question.url), onLoop) { [unowned self] result, onLoop in
            var question = question
            let page = question.url.description
            let step: KeyQuestion.Step =
                switch result {
                case .success(let answer): question.take(status: answer.status, answer.body)
                case .failure(let failure): .failed(.unreachable("\(failure)"))
                }
            switch step {
            case .ask: ask(question, onLoop)
            case .keys(let keys): end(.success(keys), page, onLoop)
            case .failed(let fault): end(.failure(fault), page, onLoop)
            }
        }
    }

    private func end(_ keys: Result<KeySet, KeyQuestionFault>, _ page: String, _ onLoop: borrowing OnLoop) {
        let hasKeys = if case .success = keys { true } else { false }
        schedule.end(withKeys: hasKeys, at: MonotonicClock.now())
        tell(KeyFetcher.Outcome(page: page, keys: keys))
        look(onLoop)
    }

    private static func request(_ url: HTTPURL) -> OutgoingRequest {
        var request = OutgoingRequest(.get, url)
        request.fields = [("Accept", "application/json, application/jwk-set+json")]
        request.limits.body = KeySet.mostBytes
        request.deadlines.head = 5_000
        request.deadlines.whole = 10_000
        request.deadlines.silence = 5_000
        return request
    }
}
