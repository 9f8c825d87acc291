// Searching and comparing within a request's bytes, eight at a time.

extension Span<UInt8> {
    /// Where `byte` first stands in `range`, or nil.
    func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            if let offset = eight(at: index).first(byte) { return index + offset }
            index += 8
        }
        while index < range.upperBound {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }

    /// Whether the bytes from `start` on are exactly those in `range` of another span. All of them must lie within.
    func hasBytes(_ expected: Span<UInt8>, _ range: Range<Int>, at start: Int) -> Bool {
        let count = range.upperBound - range.lowerBound
        var offset = 0
        guard count >= 8 else {
            while offset < count {
                if self[start + offset] != expected[range.lowerBound + offset] { return false }
                offset += 1
            }
            return true
        }
        // Eight at a time; the last eight overlap those before them.
        while offset < count {
            let place = Swift.min(offset, count - 8)
            if eight(at: start + place) != expected.eight(at: range.lowerBound + place) { return false }
            offset += 8
        }
        return true
    }
}
