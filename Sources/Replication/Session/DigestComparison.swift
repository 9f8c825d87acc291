// What a broken link, an overflow or a mistake has lost is found by comparing digests: first one word, then a word for
// each of 4,096 buckets, then the ids of the buckets that differ. While changes are under way digests differ all the
// time without anything being wrong, so only buckets that differed the last time too are looked into.
//
// An answer holds so many keys and no more. One that was cut says so, and its buckets are asked for again, half as many
// at once: what was cut off would else be cut off each time. And each round begins where the last one has ended, so
// that one that takes too long does not keep to its first buckets for ever.

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
    /// The buckets of the last question.
    private var asked: [UInt16] = []
    /// The buckets of the next one, at most.
    private var share = PublisherSession.bucketsPerQuestion
    /// The bucket with which the next round begins, or the first that differs after it.
    private var start: UInt16 = 0
    /// Whether the last roots were equal; nil before there were any.
    private(set) var areEqual: Bool?

    /// Compares the roots; true when the buckets are to be asked for.
    mutating func compare(root: UInt64, with own: UInt64) -> Bool {
        areEqual = root == own
        if root == own {
            suspects = []
            pending = []
            share = PublisherSession.bucketsPerQuestion
        }
        return root != own
    }

    /// Compares the buckets. Both have as many as a digest has.
    mutating func compare(buckets: [UInt64], with own: [UInt64]) -> Finding {
        let differing = Set(
            zip(buckets, own).enumerated().lazy.filter { $0.element.0 != $0.element.1 }.map { UInt16($0.offset) })
        let confirmed = differing.intersection(suspects)
        suspects = differing
        guard confirmed.count <= Self.copyThreshold else {
            pending = []
            return .askCopy
        }
        let inOrder = confirmed.sorted()
        pending = (inOrder.filter { $0 >= start } + inOrder.filter { $0 < start }).reversed()
        return next()
    }

    /// What to ask next, an answer having come.
    ///
    /// - Parameter isCut: whether it did not hold all keys of the buckets that were asked for.
    mutating func next(afterCut isCut: Bool = false) -> Finding {
        if isCut, !asked.isEmpty {
            // One bucket that is too much for an answer.
            guard asked.count > 1 else {
                (pending, asked) = ([], [])
                return .askCopy
            }
            share = asked.count / 2
            pending += asked.reversed()
        }
        asked = pending.suffix(share).reversed()
        pending.removeLast(asked.count)
        guard let last = asked.last else { return .nothing }
        start = last + 1
        return .askKeys(asked)
    }
}
