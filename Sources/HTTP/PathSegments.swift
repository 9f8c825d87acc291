// A path split at its slashes, each segment percent-decoded once: `%2F` stays inside its segment, and what decodes to a dot segment, a
// control character or broken UTF-8 is refused rather than repaired (RFC 3986, sections 3.3 and 5.2.4).

/// The decoded segments of a request's path.
public struct PathSegments: Sendable {
    /// No route is deeper; a longer path names nothing.
    public static let maximumCount = 10

    /// Invariant: `ranges[0..<count]` lie within these bytes.
    private let bytes: [UInt8]
    private var ranges = InlineArray<10, Range<Int>>(repeating: 0..<0)
    /// How many segments there are; 0 for `/`.
    public private(set) var count = 0

    /// Splits an absolute path. Throws a 400 refusal for a path that is not clean, and a 404 one for a path deeper than any route.
    public init(_ head: RequestHead) throws(Refusal) {
        let path = head.path
        if path.contains(UInt8(ascii: "%")) {
            try self.init(decoding: path)
        } else {
            try self.init(splitting: head.bytes, from: path.startIndex, to: path.endIndex)
        }
        // Only now: a path that is not clean is refused for that, however deep it is.
        guard count <= Self.maximumCount else { throw Refusal(.notFound, "no such resource") }
    }

    /// The common case: nothing to decode, so the segments stay where they are in the head.
    private init(splitting bytes: [UInt8], from start: Int, to end: Int) throws(Refusal) {
        self.bytes = bytes
        guard start + 1 < end else { return }
        var segmentStart = start + 1
        for index in segmentStart...end where index == end || bytes[index] == UInt8(ascii: "/") {
            // One empty segment at the end is a trailing slash, which names another resource but breaks nothing.
            guard index > segmentStart || index == end else { throw Refusal(.badRequest, "the path has an empty segment") }
            try append(segmentStart..<index)
            segmentStart = index + 1
        }
    }

    private init(decoding path: ArraySlice<UInt8>) throws(Refusal) {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(path.count)
        var found: [Range<Int>] = []
        for segment in path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard !segment.isEmpty || segment.endIndex == path.endIndex else {
                throw Refusal(.badRequest, "the path has an empty segment")
            }
            let start = decoded.count
            try PercentDecoding.append(segment, to: &decoded, plusIsSpace: false)
            found.append(start..<decoded.count)
        }
        bytes = decoded
        for range in found { try append(range) }
    }

    private mutating func append(_ range: Range<Int>) throws(Refusal) {
        let segment = bytes[range]
        guard !segment.equals("."), !segment.equals("..") else {
            throw Refusal(.badRequest, "the path has a dot segment")
        }
        if count < Self.maximumCount { ranges[count] = range }
        count += 1
    }

    /// The decoded bytes of segment `index`, counted from 0.
    public subscript(index: Int) -> ArraySlice<UInt8> { bytes[ranges[index]] }
}
