// When to list, when to watch and when to wait: what keeps a view current without wearing out the API server. Listing is
// what kills API servers, so after most failures only the watch is begun again.
//
//   listing ──last page──► watching ──the stream ends──► watching (from the last version)
//      ▲ │                    │  │
//      │ └─ failed: wait ─┐   │  └─ refused, 429, 500: wait, then watch
//      └──────────────────┘   └──── 410: list (from the last version; if that is unknown too, the newest)
//
// Pure: time and chance are arguments. The numbers are those of client-go's reflector.

import Text
import Time

/// Reads one kind of object, of one namespace or of all.
struct Reflector {
    /// What is to be asked for next.
    enum Request: Equatable {
        /// The query of a list.
        case list(String)
        /// The query of a watch, and how long it may last, in milliseconds.
        case watch(String, milliseconds: Int)
    }

    /// Objects of a page.
    static let pageSize = 500
    private static let (firstDelay, longestDelay): (Duration, Duration) = (.milliseconds(800), .seconds(30))
    /// How long it must go well until the next delay is the first again.
    private static let healthyTime: Duration = .seconds(120)
    /// A watch that ends within this time without an event has failed.
    private static let shortWatch: Duration = .seconds(1)
    /// The longest wait that a server is believed to ask for.
    private static let longestRetryAfter: Duration = .seconds(300)
    /// How long a watch is asked for, in seconds, when nothing asks for less.
    private static let watchTime: ClosedRange<Int> = 300...600

    private enum Phase: Equatable {
        case listing, watching
        case waiting(until: MonotonicTime, toList: Bool)
    }

    /// How new a list must be.
    private enum Freshness: Equatable {
        /// As the server has it at hand, which costs it least, and may be older than what was seen.
        case cached
        /// At least as new as what was seen.
        case seen
        /// The newest.
        case newest
    }

    private var phase: Phase
    private var freshness = Freshness.cached
    /// Where the next page begins.
    private var continuation: String?
    /// A list is read in one piece after a page of it has come too late.
    private var isPaged = true
    /// The version of the last list, event or bookmark.
    private(set) var version: String?
    private var delay = firstDelay
    private var failedAt: MonotonicTime?
    private var watchBegan = MonotonicTime.distantPast
    private var hasEvent = false
    /// Whether bookmarks come: then silence means something.
    private(set) var hasBookmarks = false
    /// The most seconds of a watch.
    private let longestWatch: Int

    /// - Parameter longestWatch: in seconds.
    init(longestWatch: Int, at now: MonotonicTime) {
        self.longestWatch = max(10, longestWatch)
        phase = .waiting(until: now, toList: true)
    }

    /// When something is to be asked for; nil while an answer is awaited.
    var due: MonotonicTime? { if case .waiting(let moment, _) = phase { moment } else { nil } }

    /// What is to be asked for, now that it is due.
    ///
    /// - Parameter chance: 0 to 1.
    mutating func next(at now: MonotonicTime, chance: Double) -> Request {
        if case .waiting(_, toList: false) = phase, let version {
            phase = .watching
            (watchBegan, hasEvent) = (now, false)
            let range = Self.watchTime
            let seconds = min(longestWatch, range.lowerBound + Int(chance * Double(range.count - 1)))
            return .watch(
                "watch=true&allowWatchBookmarks=true&resourceVersion=\(version.queryEncoded)&timeoutSeconds=\(seconds)",
                milliseconds: seconds * 1_000)
        }
        phase = .listing
        return .list(listQuery)
    }

    private var listQuery: String {
        if let continuation { return "limit=\(Self.pageSize)&continue=\(continuation.queryEncoded)" }
        var parts = isPaged ? ["limit=\(Self.pageSize)"] : []
        switch freshness {
        case .cached: parts.append("resourceVersion=0")
        case .seen: if let version { parts.append("resourceVersion=\(version.queryEncoded)") }
        case .newest: break
        }
        return parts.joined(separator: "&")
    }

    // MARK: - What came of a list

    /// A page has come. Returns whether the list is whole.
    mutating func listed(version: String?, continuation: String?, at now: MonotonicTime) -> Bool {
        self.continuation = continuation
        guard continuation == nil else {
            phase = .waiting(until: now, toList: true)
            return false
        }
        if let version { self.version = version }
        (freshness, isPaged) = (.seen, true)
        phase = .waiting(until: now, toList: false)
        return true
    }

    /// Whether the next list begins anew: what came of an earlier page is of no use.
    var beginsList: Bool { continuation == nil }

    /// A list has failed with a status, or without an answer (nil).
    mutating func listFailed(status: Int?, retryAfter: Int?, at now: MonotonicTime, chance: Double) {
        switch status {
        case 410 where continuation != nil:
            // The pages' common version is forgotten: once more, in one piece.
            (continuation, isPaged) = (nil, false)
        case 410, 504:
            // What was seen is unknown there, or too new for it.
            freshness = .newest
        default: break
        }
        // Pages that have come are thrown away with the others.
        continuation = nil
        wait(retryAfter, toList: true, at: now, chance: chance)
    }

    // MARK: - What came of a watch

    /// An object has changed.
    mutating func changed(version: String?) {
        hasEvent = true
        if let version { self.version = version }
    }

    mutating func bookmarked(version: String?) {
        (hasEvent, hasBookmarks) = (true, true)
        if let version { self.version = version }
    }

    /// The stream has ended as streams do. Returns whether it was so short that it is a failure.
    @discardableResult
    mutating func watchEnded(at now: MonotonicTime, chance: Double) -> Bool {
        guard hasEvent || now - watchBegan >= Self.shortWatch else {
            wait(nil, toList: false, at: now, chance: chance)
            return true
        }
        phase = .waiting(until: now, toList: false)
        return false
    }

    /// It has failed: with a status, in place of the stream or within it, or without one (nil).
    mutating func watchFailed(_ status: WatchStatus?, retryAfter: Int?, at now: MonotonicTime, chance: Double) {
        if status?.isExpired == true {
            // From the version that was seen; the newest if that is unknown too.
            phase = .waiting(until: now, toList: true)
            // A server that says so to each watch is not to be listed without a pause.
            if !hasEvent, now - watchBegan < Self.shortWatch { wait(nil, toList: true, at: now, chance: chance) }
            return
        }
        wait(retryAfter ?? status?.retryAfter, toList: false, at: now, chance: chance)
    }

    /// Waits, longer each time that it fails again.
    private mutating func wait(_ retryAfter: Int?, toList: Bool, at now: MonotonicTime, chance: Double) {
        if let failedAt, now - failedAt > Self.healthyTime + delay { delay = Self.firstDelay }
        failedAt = now
        // From half to one and a half: members that failed together must not try again together.
        let chosen = delay * (0.5 + chance)
        delay = min(delay * 2, Self.longestDelay)
        let asked = retryAfter.map { min(.seconds($0), Self.longestRetryAfter) } ?? .zero
        phase = .waiting(until: now + max(chosen, asked), toList: toList || version == nil)
    }
}

extension String {
    /// As a value within a query.
    var queryEncoded: String {
        var bytes: [UInt8] = []
        bytes.append(percentEncoded: utf8, allowing: .unreserved)
        return String(decoding: bytes, as: UTF8.self)
    }
}
