// What the request parser learns of a request target while it checks it.

/// Where a request target's path ends, and whether anything in the target is percent-encoded.
struct TargetShape: Sendable {
    var pathEnd: Int
    var hasEscapes: Bool
}

extension Span<UInt8> {
    /// What a request target is like, found in one pass; nil when it has a byte that it may not have: anything but
    /// visible ASCII, and `#`.
    func targetShape(in range: Range<Int>) -> TargetShape? {
        var shape = TargetShape(pathEnd: range.upperBound, hasEscapes: false)
        var index = range.lowerBound
        while index < range.upperBound {
            if index + 8 <= range.upperBound {
                guard let offset = eight(at: index).firstTelling else {
                    index += 8
                    continue
                }
                index += offset
            }
            let byte = self[index]
            if byte <= 0x20 || byte >= 0x7F || byte == UInt8(ascii: "#") { return nil }
            if byte == UInt8(ascii: "%") { shape.hasEscapes = true }
            if byte == UInt8(ascii: "?"), shape.pathEnd == range.upperBound { shape.pathEnd = index }
            index += 1
        }
        return shape
    }
}
