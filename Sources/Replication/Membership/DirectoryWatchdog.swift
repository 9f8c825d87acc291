// A directory on a network that does not answer hangs whoever looks at it, with no error to log: its thread says nothing
// any more. So the thread that gets its reports watches for their absence.

package import Time

/// Notices that the shared directory hangs. A value of the thread that gets the reports.
package struct DirectoryWatchdog: Sendable {
    /// How long no report may come: three times as long as between two looks.
    package static let patience: Duration = .seconds(15)
    /// What counts at most between two looks at the clock: while this process stands still, so does the directory's
    /// thread.
    private static let longestStep: Duration = .seconds(1)

    private let path: String
    /// For how long no report has come.
    private var silence = Duration.zero
    private var lastTick: MonotonicTime
    private var hangs = false
    /// Whether the directory was of use since the start.
    private var serves = false

    /// To be made when the thread starts.
    package init(path: String, at now: MonotonicTime) {
        self.path = path
        lastTick = now
    }

    /// A report has come; returns what there is to log.
    ///
    /// - Parameter serves: whether the directory was of use since the start.
    package mutating func reported(serves: Bool) -> MembershipEvent? {
        self.serves = serves
        silence = .zero
        guard hangs else { return nil }
        hangs = false
        return .directoryAnswers(path: path)
    }

    /// To be called several times a second; returns what there is to log.
    package mutating func tick(at now: MonotonicTime) -> MembershipEvent? {
        silence += min(max(.zero, now - lastTick), Self.longestStep)
        lastTick = now
        guard !hangs, silence >= Self.patience else { return nil }
        hangs = true
        return .directoryHangs(path: path, seconds: Self.patience.components.seconds, served: serves)
    }
}
