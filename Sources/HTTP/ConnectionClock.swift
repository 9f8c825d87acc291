// How long a client may take for each activity. A timeout that counts from the last byte is outlived by one byte now
// and then, so each deadline here counts from where the activity began. A clock does not see every byte: a sweep looks
// at the connection now and then, and the clock decides from its state whether the activity is still the same. So a
// deadline is late by up to two sweeps, and never early.

/// How long clients may take, in milliseconds unless said otherwise.
public struct Deadlines: Sendable, Equatable {
    /// From the first byte of a request to the end of its head; then it is refused with 408.
    public var header: Int64 = 10_000
    /// From the first byte of a request to its last; then it is refused with 408.
    public var request: Int64 = 30_000
    /// Between two requests, and before the first; then the connection is closed without a word.
    public var idle: Int64 = 75_000
    /// For reading the next `portion` bytes of an answer, or the rest of it; then the connection is closed.
    public var answer: Int64 = 30_000
    /// Bytes of an answer that a client has `answer` to take.
    public var portion = 1_000_000
    /// From a refusal to the end of the connection, however much the client still sends.
    public var leaving: Int64 = 5_000

    public init() {}
}

/// What a connection is at. Two equal numbers mean the same request or the same answer.
public enum Activity: Sendable, Equatable {
    /// Between requests; so many have come whole.
    case idle(after: Int)
    /// The head of a request is arriving.
    case head(of: Int)
    /// The body of a request is arriving.
    case body(of: Int)
    /// Requests that came whole are being answered, so many answers have left, and of the next one so many bytes wait
    /// for the client.
    case answer(after: Int, waiting: Int)
    /// The connection was refused something, and ends.
    case leaving
}

/// Which deadline has passed.
public enum Overdue: Sendable, Equatable {
    case header, request, idle, answer, leaving
}

/// Time that goes on only while its keeper does: from one look to the next it advances by one longest step at most, so
/// that what a registry that was stopped, or had too much to do, could not read meanwhile is no client's delay.
public struct PatientClock: Sendable {
    /// In milliseconds.
    private let longestStep: Int64
    private var lastLook: Int64
    /// What all steps were longer than they may be.
    private var lost: Int64 = 0

    /// A clock that is first looked at `now`, in milliseconds of the caller's monotonic clock.
    public init(now: Int64, longestStep: Int64) {
        self.longestStep = longestStep
        lastLook = now
    }

    /// To be called regularly; `now` never decreases.
    public mutating func look(at now: Int64) {
        lost += max(0, now - lastLook - longestStep)
        lastLook = now
    }

    /// What it shows at `now`, which is not before the last look. Never decreases.
    public func time(at now: Int64) -> Int64 { min(now, lastLook + longestStep) - lost }
}

/// The deadlines of one connection.
public struct ConnectionClock: Sendable {
    private var activity: Activity
    /// When `activity` began, in milliseconds of the caller's monotonic clock; of an answer, when the portion before
    /// this one was taken.
    private var since: Int64
    /// Of an answer, what waited at `since`.
    private var waitingThen = 0
    /// Whether an answer waits, and the client took nothing of it between the last two observations.
    public private(set) var isStuck = false

    /// A connection that was made `now`.
    public init(now: Int64) {
        activity = .idle(after: 0)
        since = now
    }

    /// Takes note of what the connection is at; `now` never decreases. Returns the deadline that has passed, if one
    /// has.
    public mutating func observe(_ activity: Activity, at now: Int64, _ deadlines: Deadlines) -> Overdue? {
        isStuck = false
        switch (self.activity, activity) {
        case (.head(let before), .body(let request)) where before == request:
            break  // A request's time runs on from its first byte.
        case (.answer(let before, let waitedLast), .answer(let answer, let waiting)) where before == answer:
            isStuck = waiting > 0 && waiting >= waitedLast
            if waiting == 0 || waitedLast == 0 || waitingThen - waiting >= deadlines.portion { begin(now, waiting) }
        case (let before, _) where before == activity:
            break
        case (_, .answer(_, let waiting)):
            begin(now, waiting)
        default:
            begin(now, 0)
        }
        self.activity = activity
        return overdue(now - since, deadlines)
    }

    private mutating func begin(_ now: Int64, _ waiting: Int) {
        since = now
        waitingThen = waiting
    }

    private func overdue(_ age: Int64, _ deadlines: Deadlines) -> Overdue? {
        switch activity {
        case .idle: age >= deadlines.idle ? .idle : nil
        case .head: age >= deadlines.header ? .header : age >= deadlines.request ? .request : nil
        case .body: age >= deadlines.request ? .request : nil
        case .answer(_, let waiting): waiting > 0 && age >= deadlines.answer ? .answer : nil
        case .leaving: age >= deadlines.leaving ? .leaving : nil
        }
    }
}
