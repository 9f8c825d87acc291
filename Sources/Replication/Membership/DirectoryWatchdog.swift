// A directory on a network that does not answer hangs whoever looks at it, with no error to log: its thread says nothing
// any more. So the thread that gets its reports watches for their absence.

/// Notices that the shared directory hangs. A value of the thread that gets the reports; times are monotonic
/// milliseconds.
public struct DirectoryWatchdog: Sendable {
    /// How long no report may come, in milliseconds: three times as long as between two looks.
    public static let patience: Int64 = 15_000
    /// What counts at most between two looks at the clock: while this process stands still, so does the directory's
    /// thread.
    private static let longestStep: Int64 = 1_000

    private let path: String
    /// For how long no report has come, in milliseconds.
    private var silence: Int64 = 0
    private var lastTick: Int64
    private var hangs = false
    /// Whether the directory was of use since the start.
    private var serves = false

    /// To be made when the thread starts.
    public init(path: String, at now: Int64) {
        self.path = path
        lastTick = now
    }

    /// A report has come; returns what there is to log.
    ///
    /// - Parameter serves: whether the directory was of use since the start.
    public mutating func reported(serves: Bool) -> MembershipEvent? {
        self.serves = serves
        silence = 0
        guard hangs else { return nil }
        hangs = false
        return .directoryAnswers(path: path)
    }

    /// To be called several times a second; returns what there is to log.
    public mutating func tick(at now: Int64) -> MembershipEvent? {
        silence += min(max(0, now - lastTick), Self.longestStep)
        lastTick = now
        guard !hangs, silence >= Self.patience else { return nil }
        hangs = true
        return .directoryHangs(path: path, seconds: Self.patience / 1_000, served: serves)
    }
}
