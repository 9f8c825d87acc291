// A path split at its slashes, each segment percent-decoded once: `%2F` stays inside its segment, and what decodes to a
// dot segment, a control character or broken UTF-8 is refused rather than repaired (RFC 3986, sections 3.3 and 5.2.4).

/// The decoded segments of a request's path.
public struct PathSegments: Sendable {
    /// No route has more segments of its own; of a longer path, no more can be read one by one.
    public static var maximumCount: Int { Places.count }

    /// Where a segment lies.
    private struct Place: Sendable {
        var start: Int32
        var end: Int32

        var range: Range<Int> { Int(start)..<Int(end) }
    }

    private typealias Places = InlineArray<10, Place>

    /// Invariant: `places[0..<count]` lie within these bytes.
    private let bytes: [UInt8]
    private var places = Places(repeating: Place(start: 0, end: 0))
    /// How many segments there are; 0 for `/`.
    public private(set) var count = 0
    /// Where the path ends in `bytes`.
    private var end = 0

    /// No segment.
    public init() { bytes = [] }

    /// Splits an absolute path. Throws a 400 refusal for a path that is not clean. Of a path that is deeper than any
    /// route, only the first segments can be read, and all that follows in one piece.
    public init(_ head: RequestHead) throws(Refusal) {
        // An escape may be in the query alone.
        if head.targetShape.hasEscapes, head.path.contains(UInt8(ascii: "%")) {
            try self.init(decoding: head.path)
        } else {
            try self.init(splitting: head.bytes, head.targetRange.lowerBound..<head.targetShape.pathEnd)
        }
    }

    /// The common case: nothing to decode, so the segments stay where they are in the head.
    private init(splitting bytes: [UInt8], _ path: Range<Int>) throws(Refusal) {
        self.bytes = bytes
        guard path.count > 1 else { return }
        let span = bytes.span
        var start = path.lowerBound + 1
        var index = start
        while index < path.upperBound {
            if span[index] == UInt8(ascii: "/") {
                guard index > start else { throw Refusal(.badRequest, "the path has an empty segment") }
                try append(start..<index, of: span)
                start = index + 1
            }
            index += 1
        }
        // An empty segment at the end is a trailing slash, which names another resource but breaks nothing.
        try append(start..<path.upperBound, of: span)
        end = path.upperBound
    }

    private init(decoding path: ArraySlice<UInt8>) throws(Refusal) {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(path.count)
        var found: [Range<Int>] = []
        for segment in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard !segment.isEmpty || segment.endIndex == path.endIndex else {
                throw Refusal(.badRequest, "the path has an empty segment")
            }
            if !found.isEmpty { decoded.append(UInt8(ascii: "/")) }
            let start = decoded.count
            try PercentDecoding.append(segment, to: &decoded, as: .path)
            found.append(start..<decoded.count)
        }
        bytes = decoded
        for range in found { try append(range, of: decoded.span) }
        end = decoded.count
    }

    private mutating func append(_ range: Range<Int>, of span: Span<UInt8>) throws(Refusal) {
        if range.count <= 2, !range.isEmpty, span[range.lowerBound] == UInt8(ascii: "."),
            span[range.upperBound - 1] == UInt8(ascii: ".")
        {
            throw Refusal(.badRequest, "the path has a dot segment ('.' or '..')")
        }
        if count < Self.maximumCount {
            places[count] = Place(start: Int32(range.lowerBound), end: Int32(range.upperBound))
        }
        count += 1
    }

    /// The decoded bytes of segment `index`, counted from 0, below `maximumCount`.
    public subscript(index: Int) -> ArraySlice<UInt8> { bytes[places[index].range] }

    /// The decoded bytes of all segments from `index` on, below `maximumCount`, with the slashes between them.
    public func rest(from index: Int) -> ArraySlice<UInt8> { bytes[Int(places[index].start)..<end] }

    /// Whether segment `index` is empty: a slash at the path's end.
    public func isEmpty(_ index: Int) -> Bool { places[index].start == places[index].end }

    /// Whether segment `index` is exactly the bytes in `range` of an array.
    public func segment(_ index: Int, equals expected: [UInt8], in range: Range<Int>) -> Bool {
        let place = places[index]
        guard Int(place.end - place.start) == range.upperBound - range.lowerBound else { return false }
        return bytes.span.hasBytes(expected.span, range, at: Int(place.start))
    }
}
