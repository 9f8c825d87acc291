// Who polls comes back at once with the next poll. Where one change ends thousands of polls, they are answered over some
// time, so that what they ask next does not come in one wave either, and others are served in between. Streams stay
// where they are, and are told at once. Pure.

import Time

/// Into how many parts polls are divided.
package enum DeliveryParts {
    /// So many of all loops together are answered at once.
    package static let atOnce = 1_000
    /// From the first to the last of more.
    static let time: Duration = .milliseconds(50)
    /// In so many parts: the first at once, the last before `time` is over.
    static let most = 10

    /// From one part to the next, in milliseconds.
    static let period = Int(time.wholeMilliseconds) / most
}

/// The polls that are to be answered, of one loop, and how many of them when.
struct DeliverySpread<Poll> {
    /// Those that wait for their part, in the order in which they came.
    private var polls: ArraySlice<Poll> = []
    private var part = 0

    var isEmpty: Bool { polls.isEmpty }

    /// Takes up polls that have something to be told, behind those that are there.
    mutating func add(_ more: [Poll]) {
        polls += more
        part = (polls.count + DeliveryParts.most - 1) / DeliveryParts.most
    }

    /// The next part.
    mutating func next() -> [Poll] {
        let taken = polls.prefix(part)
        polls.removeFirst(taken.count)
        if polls.isEmpty { polls = [] }
        return Array(taken)
    }
}
