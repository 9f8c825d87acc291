// The tags that a look-up asks for (docs/rest-api.md, R307 and R308). A query has room for two thousand, and an
// instance for twenty thousand where MAX_TAGS allows it or a peer has published it, so each tag of an instance is
// looked at once, and looked up among those asked for instead of compared with one after the other.

package import Catalog

/// The tags that an instance must have, all of them.
package struct TagFilter: Sendable {
    /// The tags asked for, each once, numbered from 0. Compared as bytes.
    private let numbers: [ArraySlice<UInt8>: Int]
    /// A bit for each tag asked for: most others are no candidates by that, and are not looked up.
    private let candidates: UInt64

    /// Reads a list of tags separated by commas. Split among the bytes: as Characters, a comma before a combining mark
    /// would be none.
    package init(_ list: String) {
        var numbers: [ArraySlice<UInt8>: Int] = [:]
        var candidates: UInt64 = 0
        for tag in Array(list.utf8).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        where numbers[tag] == nil {
            numbers[tag] = numbers.count
            candidates |= Self.bit(of: tag)
        }
        self.numbers = numbers
        self.candidates = candidates
    }

    /// Whether an instance has all of the tags. None has where an empty one is among them (R308).
    package func matches(_ instance: Instance) -> Bool {
        guard numbers[[]] == nil, numbers.count <= instance.tagCount else { return false }
        var isMissing = [Bool](repeating: true, count: numbers.count)
        var missing = numbers.count
        return instance.containsTag { tag in
            guard candidates & Self.bit(of: tag) != 0, let number = numbers[tag], isMissing[number] else {
                return false
            }
            isMissing[number] = false
            missing -= 1
            return missing == 0
        }
    }

    /// One of 64 bits, by the length and the ends.
    private static func bit(of tag: ArraySlice<UInt8>) -> UInt64 {
        guard let first = tag.first, let last = tag.last else { return 1 }
        return 1 << UInt64((tag.count + Int(first) * 5 + Int(last) * 11) & 63)
    }
}
