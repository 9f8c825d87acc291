// The original's changes carry no version, so they get one here: a registration from the time at which it was made, all
// else from what is held. The stamps of one change should be equal on every new member that receives it; where clocks
// are wrong they cannot be, and the later stands.

import Catalog

extension HybridTime {
    /// As a clock of the release before, which counts on from whole milliseconds, would first give it: no later than
    /// one of ours.
    var wholeMilliseconds: HybridTime { HybridTime(bits: bits & ~0xFFFF) }
}

extension Version {
    /// The version of a change, made by this origin, to what has this version.
    func successor(origin: MemberID) -> Version {
        Version(time: HybridTime(bits: time.bits == .max ? .max : time.bits + 1), origin: origin)
    }
}

/// What is known of a legacy peer's clock, and how its times are taken.
struct OriginalClock: Sendable, Equatable {
    /// Nanoseconds by which clocks may differ without being wrong: what comes out of a `Date`, a whole second, is no
    /// better than this.
    static let tolerance: Int64 = 2_000_000_000
    /// Nanoseconds that a live registration takes to arrive at most, its flush included, unless something held it up.
    static let delay: Int64 = 1_000_000_000

    /// Nanoseconds by which it is ahead of ours, 0 within the tolerance.
    let error: Int64

    static let right = OriginalClock(error: 0)

    init(error: Int64) {
        self.error = error
    }

    /// - Parameters:
    ///   - date: the whole second in which the head of its answer was written, in nanoseconds since 1970; nil when it
    ///   did not say.
    ///   - wall: when that head was read, by our clock.
    init(date: Int64?, wall: Int64) {
        guard let date else {
            self = .right
            return
        }
        let middle = date.addingSaturated(500_000_000)
        let error = middle.subtractingSaturated(wall)
        self.init(error: abs(error.clamped) <= Self.tolerance ? 0 : error.clamped)
    }

    /// When a live registration was made, by our clock, in nanoseconds since 1970. The time that it bears, if that can
    /// be true: in the right order with all other changes, and alike on all members. One that lies a little further
    /// back than a live message takes is the work of a clock that is a little behind, and is brought forward, since the
    /// registration did come after what has been here for longer. One that lies far back was held up on its way, and
    /// one ahead of the tolerance is brought back to now.
    ///
    /// - Parameters:
    ///   - wall: now.
    ///   - pause: nanoseconds that this member may have left the message lying.
    func liveRegistration(_ registered: Int64, wall: Int64, pause: Int64) -> Int64 {
        let made = registered.subtractingSaturated(error)
        if wall.subtractingSaturated(made) < -Self.tolerance { return wall }
        let earliest = Self.earliestLive(wall: wall, pause: pause)
        return made < earliest && made >= earliest.subtractingSaturated(Self.tolerance) ? earliest : made
    }

    /// The earliest that anything can have happened, by this member's clock, that arrives live now, unless it was held
    /// up on its way.
    ///
    /// - Parameters: as of `liveRegistration`.
    static func earliestLive(wall: Int64, pause: Int64) -> Int64 {
        wall.subtractingSaturated(pause).subtractingSaturated(delay)
    }

    /// When a registration was made that came in a copy or a repair. Any original may have made it, so this one's clock
    /// says nothing; only one that lies ahead is brought back, lest nothing ever be later.
    func copiedRegistration(_ registered: Int64, wall: Int64) -> Int64 {
        registered > wall.addingSaturated(Self.tolerance) ? wall : registered
    }

    /// Milliseconds since a renewal.
    func age(of renewal: Int64, wall: Int64) -> Int64 {
        max(0, wall.subtractingSaturated(renewal.subtractingSaturated(error))) / 1_000_000
    }
}

extension Int64 {
    /// Such that its magnitude is a number of this type as well.
    fileprivate var clamped: Int64 { Swift.max(self, -.max) }
}
