// When an issuer is asked for its keys, and who waits for that. Pure: the time is an argument.
//
//   never had ──answered──► had ──every 5 minutes, or for a key that is not known──► asked again
//       │ failed: after 1, 2, 4 … 30 s                  │ failed: after 30 s, and the old keys stay

package import Time

/// The moments of one issuer.
package struct KeySchedule: Sendable {
    /// How long keys are used without asking for others.
    package static let period: Duration = .seconds(300)
    /// The shortest time from one question to the next that a token is the reason of: anybody can send a token with a key
    /// that nobody has.
    package static let leastGap: Duration = .seconds(30)
    /// How long a token waits for the answer.
    package static let patience: Duration = .seconds(1)
    private static let firstPause: Duration = .seconds(1)
    private static let longestPause: Duration = .seconds(30)

    /// When the issuer last answered with keys; nil when it never has.
    package private(set) var had: MonotonicTime?
    /// How often it was asked in vain.
    package private(set) var failures: UInt64 = 0
    package private(set) var isUnderWay = false
    /// When the issuer is to be asked, unless it is being asked.
    package private(set) var next: MonotonicTime
    /// When it was asked last.
    private var begun: MonotonicTime?
    private var pause = Self.firstPause
    private let patience: Duration

    /// The first question is due at once.
    package init(at now: MonotonicTime, patience: Duration = KeySchedule.patience) {
        next = now
        self.patience = patience
    }

    /// Whether there were keys once.
    package var hadKeys: Bool { had != nil }

    /// Begins to ask, if that is due.
    package mutating func begin(at now: MonotonicTime) -> Bool {
        guard !isUnderWay, next <= now else { return false }
        isUnderWay = true
        begun = now
        return true
    }

    /// The question has been answered with keys, or has failed.
    package mutating func end(withKeys isAnswered: Bool, at now: MonotonicTime) {
        isUnderWay = false
        if isAnswered {
            had = now
            pause = Self.firstPause
            next = now + Self.period
        } else {
            failures += 1
            next = now + (hadKeys ? Self.longestPause : pause)
            pause = min(pause * 2, Self.longestPause)
        }
    }

    /// A token has come whose key is not known. Until when it may wait for an answer; nil when there is none to wait
    /// for. The issuer is due then, if it is not being asked.
    package mutating func wait(at now: MonotonicTime) -> MonotonicTime? {
        if !isUnderWay {
            guard begun.map({ now - $0 >= Self.leastGap }) ?? true else { return nil }
            next = min(next, now)
        }
        return now + patience
    }
}
