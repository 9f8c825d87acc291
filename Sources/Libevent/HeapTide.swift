// glibc keeps freed memory for the next allocations. After an attack, or a million clients that came and went, that is memory which the
// machine may need elsewhere, so it is asked to give it back: seldom, since that takes a look at the whole heap.

/// Watches what connections take, and tells when much of it has been freed. Belongs to its loop's thread.
struct HeapTide {
    /// What an idle connection takes in the heap, about: its objects, its events and their places in tables. In bytes.
    private static let connectionBytes = 3_000
    /// Less than this is not worth the asking, in bytes.
    private static let leastBytes = 4 << 20

    /// The most taken since memory was last given back, in bytes.
    private var high = 0

    /// Whether at least half of what was taken at most has been freed since; `waiting` is bytes that wait for clients.
    mutating func hasEbbed(connections: Int, waiting: Int) -> Bool {
        let taken = connections * Self.connectionBytes + waiting
        high = max(high, taken)
        guard high >= Self.leastBytes, taken <= high / 2 else { return false }
        high = taken
        return true
    }
}
