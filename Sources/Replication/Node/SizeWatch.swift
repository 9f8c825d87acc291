// Too few members are an error, logged once, and not at every start while the others are being found.

import Time

/// Watches whether a cluster has as many members as it should.
struct SizeWatch {
    /// How long there must be too few before it is logged, in milliseconds.
    static let patience: Duration = .milliseconds(5_000)

    private var unmetSince: MonotonicTime?
    private var isTold = false

    mutating func judge(_ size: Int, of expected: Int, at now: MonotonicTime) -> ClusterEvent? {
        guard size < expected else {
            defer { (unmetSince, isTold) = (nil, false) }
            return isTold ? .sizeMet(members: size) : nil
        }
        let since = unmetSince ?? now
        unmetSince = since
        guard !isTold, now - since >= Self.patience else { return nil }
        isTold = true
        return .sizeUnmet(expected: expected, members: size)
    }
}
