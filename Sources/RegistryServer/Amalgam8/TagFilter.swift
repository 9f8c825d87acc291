// The tags that a listing asks for (docs/rest-api.md, R307 and R308). A query has room for two thousand and an instance for twenty thousand, so each
// tag of an instance is looked at once, and looked up among those asked for instead of compared with one after the other.

import Catalog

/// The tags that an instance must have, all of them.
struct TagFilter {
    /// The tags asked for, each once, numbered from 0. Compared as bytes.
    private let numbers: [ArraySlice<UInt8>: Int]
    /// The lengths of the tags asked for, modulo 64, a bit for each: most others are no candidates by that.
    private let lengths: UInt64

    /// Reads a list of tags separated by commas. Split among the bytes: as Characters, a comma before a combining mark would be none.
    init(_ list: String) {
        var numbers: [ArraySlice<UInt8>: Int] = [:]
        var lengths: UInt64 = 0
        for tag in Array(list.utf8).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) where numbers[tag] == nil {
            numbers[tag] = numbers.count
            lengths |= Self.bit(of: tag)
        }
        self.numbers = numbers
        self.lengths = lengths
    }

    /// Whether an instance has all of the tags. None has where an empty one is among them (R308).
    func matches(_ instance: Instance) -> Bool {
        guard numbers[[]] == nil, numbers.count <= instance.tagCount else { return false }
        var isMissing = [Bool](repeating: true, count: numbers.count)
        var missing = numbers.count
        return instance.containsTag { tag in
            guard lengths & Self.bit(of: tag) != 0, let number = numbers[tag], isMissing[number] else { return false }
            isMissing[number] = false
            missing -= 1
            return missing == 0
        }
    }

    private static func bit(of tag: ArraySlice<UInt8>) -> UInt64 { 1 << UInt64(tag.count & 63) }
}
