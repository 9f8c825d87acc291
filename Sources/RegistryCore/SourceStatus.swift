// How a source stands: a value that is told what its reader saw and at which time, and says whether what it has may
// still be shown.
//
//   starting ──confirm──► current ◄──confirm──► partial (some of it cannot be used; the last good content of that stays)
//       │                  │   ▲                   │
//       └──fail──► failing ◄┘  └──────confirm──────┤
//                    │   ◄─────────fail────────────┘
//                    └──not confirmed for CATALOG_MAX_AGE──► dropped ──replace, confirm──► current

package import Catalog
import System
package import Time

/// A time by both clocks.
package struct SourceTime: Sendable, Equatable {
    package let monotonic: MonotonicTime
    /// Nanoseconds since 1970.
    package let wall: Int64

    package init(monotonic: MonotonicTime, wall: Int64) {
        self.monotonic = monotonic
        self.wall = wall
    }

    package static func now() -> SourceTime {
        SourceTime(monotonic: MonotonicClock.now(), wall: WallClock.nanoseconds())
    }
}

/// Why a source, or a part of it, cannot be used.
package struct SourceProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// Without any name of a namespace, and without credentials: open pages show it.
    package let sentence: String
    /// Where: what may be such a name. The log shows it, and pages where no credential is needed anyway.
    package let place: String?

    package init(_ sentence: String, at place: String? = nil) {
        self.sentence = sentence
        self.place = place
    }

    package var description: String { place.map { "\($0): \(sentence)" } ?? sentence }
}

/// The state of one source.
package struct SourceStatus: Sendable {
    package enum State: String, Sendable, CaseIterable {
        /// Nothing has been read yet.
        case starting
        /// What is shown is what the source had when it was read last.
        case current
        /// The same, but for parts that cannot be used: of these the last good content is shown.
        case partial
        /// It cannot be read; what was read last is shown.
        case failing
        /// It could not be read for too long; nothing of it is shown.
        case dropped
    }

    /// Problems that are kept of a source that has more.
    package static let problemLimit = 16

    package let kind: SourceKind
    package private(set) var state = State.starting
    /// Since when the state is what it is.
    package private(set) var since: SourceTime
    /// When it was found to be as shown; nil before the first time.
    package private(set) var confirmed: SourceTime?
    package fileprivate(set) var size = SourceSize()
    /// The present ones, `problemLimit` at most; of a source that is current, none.
    package private(set) var problems: [SourceProblem] = []
    /// How many there are.
    package private(set) var problemCount = 0
    /// The latest, also when it is over, and when it was noticed.
    package private(set) var lastProblem: (problem: SourceProblem, at: SourceTime)?
    /// How long the latest change took from there to here; nil where that is not known.
    package private(set) var lag: Duration?
    /// How often it failed, and how often something of it changed, since the start.
    package private(set) var failures = 0
    package private(set) var changes = 0

    package init(_ kind: SourceKind, at now: SourceTime) {
        self.kind = kind
        since = now
    }

    /// What is shown is what the source has, but for these parts. After a drop that is so only when all was read again.
    mutating func confirm(_ problems: [SourceProblem], lag: Duration?, isWhole: Bool = false, at now: SourceTime) {
        guard state != .dropped || isWhole else { return }
        confirmed = now
        if let lag { self.lag = max(.zero, lag) }
        show(problems, at: now)
        enter(problems.isEmpty ? .current : .partial, at: now)
    }

    /// It cannot be read.
    mutating func fail(_ problem: SourceProblem, at now: SourceTime) {
        failures += 1
        show([problem], at: now)
        if state != .dropped, confirmed != nil { enter(.failing, at: now) }
        // One that was never read has nothing that could be shown, and keeps saying so.
    }

    mutating func drop(at now: SourceTime) { enter(.dropped, at: now) }

    mutating func note(_ size: SourceSize, isChanged: Bool) {
        self.size = size
        if isChanged { changes += 1 }
    }

    /// Whether what is shown has not been confirmed for longer than this.
    func isTooOld(_ maximumAge: Duration, at now: SourceTime) -> Bool {
        guard state != .dropped, let confirmed else { return false }
        return now.monotonic - confirmed.monotonic > maximumAge
    }

    /// How long ago it was found to be as shown; nil when it never was.
    package func age(at now: MonotonicTime) -> Duration? { confirmed.map { max(.zero, now - $0.monotonic) } }

    private mutating func show(_ problems: [SourceProblem], at now: SourceTime) {
        problemCount = problems.count
        self.problems = Array(problems.prefix(Self.problemLimit))
        if let first = problems.first, first != lastProblem?.problem || state == .current { lastProblem = (first, now) }
    }

    private mutating func enter(_ state: State, at now: SourceTime) {
        guard state != self.state else { return }
        self.state = state
        since = now
    }
}
