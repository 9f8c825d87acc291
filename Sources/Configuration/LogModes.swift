// The words of `access_log` and `event_log`: what is written down, and what is not.

/// Which answers are logged at all: the words of `access_log`.
package enum AccessLogMode: String, Sendable, CaseIterable {
    case all
    /// Answers of 400 and more.
    case errors
    case off
}

/// Which changes write a line: the words of `event_log`.
package enum EventLogMode: String, Sendable, CaseIterable {
    /// Those that clients asked this member for, and what expired here.
    case local
    /// Changes received from other members, too.
    case all
    case off
}
