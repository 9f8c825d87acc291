// The thread that asks the issuer for its keys, from the start to the stop.

import Authorization
import Configuration
import Issuer
import System
import Time

/// The issuer's thread. Belongs to the control loop.
final class IssuerThread {
    /// How long a stop waits for it.
    private static let stopTime: Duration = .milliseconds(500)

    /// What the loops are told of it.
    let keys: IssuerKeys
    private let address: IssuerAddress
    private let authorityPath: String?
    private let due, stopSignal, ended: WakeSignal
    private var thread: NamedThread?

    /// Nil where no issuer is asked. Throws for an address that is not asked, and when a descriptor cannot be had.
    init?(_ settings: Settings) throws {
        guard let address = try IssuerAddress(settings) else { return nil }
        self.address = address
        authorityPath = settings.jwtCA
        let due = try WakeSignal()
        (self.due, stopSignal, ended) = (due, try WakeSignal(), try WakeSignal())
        keys = IssuerKeys(at: MonotonicClock.now()) { due.raise() }
    }

    /// Begins to ask.
    func start(_ tell: @escaping @Sendable (KeyFetcher.Outcome) -> Void) throws {
        let fetcher = KeyFetcher(address, authorityPath: authorityPath, keys, tell: tell)
        thread = try NamedThread(KeyFetcher.threadName) { [due, stopSignal, ended] in
            fetcher.run(due: due, until: stopSignal)
            ended.raise()
        }
    }

    /// Ends the thread. Returns whether it has ended.
    func stop() -> Bool {
        guard let thread else { return true }
        stopSignal.raise()
        guard ended.wait(until: MonotonicClock.now() + Self.stopTime) else {
            thread.detach()
            return false
        }
        thread.join()
        return true
    }
}
