// What a broken link, an overflow or a mistake has lost is found by comparing digests: first one word, then a word for each of 4,096
// buckets, then the ids of the buckets that differ. While changes are under way digests differ all the time without anything being wrong,
// so only buckets that differed the last time too are looked into.

import Catalog

/// A subscriber's account of how its digest and the publisher's compare.
struct DigestComparison {
    /// Beyond so many buckets a copy is cheaper than asking for keys.
    private static let copyThreshold = BucketDigest.bucketCount / 4

    enum Finding: Equatable {
        /// Nothing to be done, or nothing yet.
        case nothing
        case askKeys([UInt16])
        case askCopy
    }

    /// The buckets that differed when they were last compared.
    private var suspects: Set<UInt16> = []
    /// Of those that differed twice, the ones whose keys are still to be asked for, the next one last.
    private var pending: [UInt16] = []
    /// Whether the last roots were equal; nil before there were any.
    private(set) var areEqual: Bool?

    /// Compares the roots; true when the buckets are to be asked for.
    mutating func compare(root: UInt64, with own: UInt64) -> Bool {
        areEqual = root == own
        if root == own {
            suspects = []
            pending = []
        }
        return root != own
    }

    /// Compares the buckets. Both have as many as a digest has.
    mutating func compare(buckets: [UInt64], with own: [UInt64]) -> Finding {
        let differing = Set(zip(buckets, own).enumerated().lazy.filter { $0.element.0 != $0.element.1 }.map { UInt16($0.offset) })
        let confirmed = differing.intersection(suspects)
        suspects = differing
        guard confirmed.count <= Self.copyThreshold else {
            pending = []
            return .askCopy
        }
        pending = confirmed.sorted(by: >)
        return next()
    }

    /// What to ask next, an answer having come.
    mutating func next() -> Finding {
        guard !pending.isEmpty else { return .nothing }
        let asked = Array(pending.suffix(PublisherSession.bucketsPerQuestion).reversed())
        pending.removeLast(asked.count)
        return .askKeys(asked)
    }
}
