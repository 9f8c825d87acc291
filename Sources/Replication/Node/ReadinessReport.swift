// Why a member asks for traffic or not, as values: what `/readyz` and the cluster's page say.

package import Time

/// Why a member does not ask for traffic, though it may answer what it is asked.
package enum ReadinessHold: Sendable, Equatable {
    /// It looks for other members, and none has answered.
    case searching
    /// Others have answered, and none has given its whole copy.
    case copying
    /// It has its copy, and does not yet wait for all members that answer clients, or they not for it.
    case linking
    /// Of those that membership names some were reached, and none of these lets this one in.
    case refused(RefusalReason)
    /// Since the start the shared directory could not be read, or this member's file not be written.
    case clusterDirectory
    /// A member that runs the original does not read from this one yet, or it is not known yet what runs there.
    case originals
}

/// Whether a member asks for traffic.
package struct ReadinessReport: Sendable, Equatable {
    /// Nil: it does.
    package var hold: ReadinessHold?
    /// Why this member's copy is whole; nil while it is not. Look-ups are answered when it is, and `hold` is not
    /// `linking`.
    package var ground: ReadinessGround?
    /// Since when `hold` is what it is.
    package var since: MonotonicTime
    /// When `hold` ends at the latest; nil when no time ends it.
    package var until: MonotonicTime?

    package init(hold: ReadinessHold?, ground: ReadinessGround?, since: MonotonicTime, until: MonotonicTime?) {
        self.hold = hold
        self.ground = ground
        self.since = since
        self.until = until
    }

    /// Of a member that was started this moment.
    ///
    /// - Parameter until: when it looks for members no longer; of no account while it cannot
    ///   see whom to look for.
    package static func atStart(usesDirectory: Bool, until: MonotonicTime? = nil, at now: MonotonicTime)
        -> ReadinessReport
    {
        ReadinessReport(
            hold: usesDirectory ? .clusterDirectory : .searching, ground: nil, since: now,
            until: usesDirectory ? nil : until)
    }

    package var isReady: Bool { hold == nil }
}
