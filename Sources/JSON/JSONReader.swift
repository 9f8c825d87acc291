// Reads a JSON text value by value, as the caller asks for it, without building a tree: a registration names a handful
// of fields, and a tree of everything a client may send costs more than the request it came in. Nothing is passed over
// unchecked: what the caller skips is held to the same grammar as what it reads, since skipped bytes (metadata) are
// handed back to other clients.

/// A strict pull reader of one JSON text (RFC 8259).
///
///     var reader = JSONReader(body)
///     try reader.enterObject()
///     while let key = try reader.nextKey() {
///         switch key {
///         case "id": id = try reader.readString()
///         default: try reader.skipValue()
///         }
///     }
///     try reader.finish()
///
/// Every value must be read, entered or skipped before the next key or element is asked for; asking out of order is a
/// programming error and traps. Input can only throw. After an error the reader must not be used further. Duplicate
/// keys are passed on: the caller that minds throws `JSONError(.duplicateKey, at: key.offset)`. A byte order mark is
/// refused.
package struct JSONReader: Sendable {
    /// How deep containers may nest unless the caller says otherwise.
    package static let defaultMaximumDepth = 64
    /// The deepest limit a caller may set: skipping recurses once a level, and a thread's stack must hold that.
    package static let greatestMaximumDepth = 1_000

    /// The text being read.
    package let bytes: [UInt8]
    private let maximumDepth: Int
    /// Invariant: 0...bytes.count, and everything before it has been found valid.
    private var position = 0
    /// The number of open containers. Invariant: 0...maximumDepth.
    private var depth = 0
    private var expectation = Expectation.value

    private enum Expectation: UInt8 {
        /// A value comes next: the top one, a member's or an element.
        case value
        /// A container was just opened: its first key or element comes next, or its end.
        case first
        /// A value has just ended: a comma, the end of the container or of the text comes next.
        case next
    }

    /// - Parameter maximumDepth: how deep containers may nest, 1...`greatestMaximumDepth`.
    package init(_ bytes: [UInt8], maximumDepth: Int = defaultMaximumDepth) {
        precondition((1...Self.greatestMaximumDepth).contains(maximumDepth), "maximumDepth is out of range")
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    /// The type of the value that comes next, told by its first character; reads nothing but white space.
    package mutating func peekType() throws(JSONError) -> JSONType { try nextType() }

    @inline(__always)
    private mutating func nextType() throws(JSONError) -> JSONType {
        precondition(expectation == .value, "no value comes next here")
        skipWhitespace()
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        switch bytes[position] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
        case UInt8(ascii: "n"): return .null
        default: throw JSONError(.unexpectedByte, at: position)
        }
    }

    // MARK: Containers

    /// Opens the object that comes next; `nextKey` walks it.
    package mutating func enterObject() throws(JSONError) { try enter(.object) }

    /// Opens the array that comes next; `nextElement` walks it.
    package mutating func enterArray() throws(JSONError) { try enter(.array) }

    /// The next key of the open object, whose value comes next; nil once the object has ended.
    package mutating func nextKey() throws(JSONError) -> JSONText? {
        guard let content = try nextKeyContent() else { return nil }
        return JSONText(source: bytes, content: content)
    }

    /// Whether another element comes next in the open array; false once the array has ended.
    package mutating func nextElement() throws(JSONError) -> Bool {
        guard try advance(closing: UInt8(ascii: "]")) else { return false }
        expectation = .value
        return true
    }

    /// Proves that nothing but white space follows the top value. Call it last.
    package mutating func finish() throws(JSONError) {
        precondition(expectation == .next && depth == 0, "the top value has not been read to its end")
        skipWhitespace()
        guard position == bytes.count else { throw JSONError(.trailingBytes, at: position) }
    }

    // MARK: Values

    /// Reads a string, escapes resolved.
    package mutating func readString() throws(JSONError) -> String { try readText().string }

    /// Reads a string that stays where it lies, for comparing without allocating.
    package mutating func readText() throws(JSONError) -> JSONText {
        try require(.string)
        return JSONText(source: bytes, content: try scanString())
    }

    /// Reads a number, told apart by how it was written.
    package mutating func readNumber() throws(JSONError) -> JSONNumber {
        try require(.number)
        let start = position
        let (shape, end) = try JSONScan.number(bytes, from: start)
        endValue(at: end)
        if shape.isWhole, let magnitude = shape.magnitude {
            if !shape.isNegative { return .natural(magnitude) }
            if magnitude <= UInt64(Int64.max) { return .negative(-Int64(magnitude)) }
            if magnitude == Int64.min.magnitude { return .negative(.min) }
        }
        // The grammar of JSON numbers is within that of Double's, which gives infinity for what is too large: never nil
        // here.
        let value =
            Double(String(decoding: bytes[start..<end], as: UTF8.self)) ?? (shape.isNegative ? -.infinity : .infinity)
        return shape.isWhole ? .outOfRange(value) : .fractional(value)
    }

    /// Reads `true` or `false`.
    package mutating func readBoolean() throws(JSONError) -> Bool {
        try require(.boolean)
        let value = bytes[position] == UInt8(ascii: "t")
        try scanWord(value ? "true" : "false")
        return value
    }

    /// Reads `null`.
    package mutating func readNull() throws(JSONError) {
        try require(.null)
        try scanWord("null")
    }

    /// Whether the value that comes next is `null`, which is then read.
    package mutating func skipNull() throws(JSONError) -> Bool {
        guard try nextType() == .null else { return false }
        try readNull()
        return true
    }

    /// Passes over the value that comes next, whatever it is, checking all of it.
    package mutating func skipValue() throws(JSONError) {
        switch try nextType() {
        case .object:
            try enterObject()
            while try nextKeyContent() != nil { try skipValue() }
        case .array:
            try enterArray()
            while try nextElement() { try skipValue() }
        case .string: _ = try scanString()
        case .number: endValue(at: try JSONScan.number(bytes, from: position).end)
        case .boolean: try scanWord(bytes[position] == UInt8(ascii: "t") ? "true" : "false")
        case .null: try scanWord("null")
        }
    }

    /// Passes over the value that comes next, checking all of it, and gives where it lies in `bytes`: the value as it
    /// was sent, without the white space around it.
    package mutating func readRawValue() throws(JSONError) -> Range<Int> {
        _ = try peekType()
        let start = position
        try skipValue()
        return start..<position
    }

    // MARK: Values seen before

    /// Passes over the value that comes next, checking all of it, and gives its bytes, by which the same value is known
    /// later; nil where it is neither an object nor an array.
    package mutating func readSpelling() throws(JSONError) -> JSONSpelling? {
        let type = try nextType()
        let range = try readRawValue()
        guard type == .object || type == .array else { return nil }
        return JSONSpelling(bytes[range], depth: depth)
    }

    /// Passes over the value that comes next if it is spelt like this one, and returns whether it is.
    package mutating func skip(_ spelling: JSONSpelling) throws(JSONError) -> Bool {
        _ = try nextType()
        guard depth <= spelling.depth, spelling.stands(in: bytes, at: position) else { return false }
        endValue(at: position + spelling.count)
        return true
    }

    // MARK: Steps

    private mutating func enter(_ type: JSONType) throws(JSONError) {
        try require(type)
        guard depth < maximumDepth else { throw JSONError(.tooDeep, at: position) }
        depth += 1
        position += 1
        expectation = .first
    }

    @inline(__always)
    private mutating func require(_ type: JSONType) throws(JSONError) {
        guard try nextType() == type else { throw JSONError(.expected(type), at: position) }
    }

    private mutating func nextKeyContent() throws(JSONError) -> JSONContent? {
        guard try advance(closing: UInt8(ascii: "}")) else { return nil }
        try expect(UInt8(ascii: "\""))
        let content = try scanString()
        skipWhitespace()
        try expect(UInt8(ascii: ":"))
        position += 1
        expectation = .value
        return content
    }

    @inline(__always)
    private func expect(_ byte: UInt8) throws(JSONError) {
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        guard bytes[position] == byte else { throw JSONError(.unexpectedByte, at: position) }
    }

    /// Steps over the comma before the next member or element, to its first character; false when the container ends
    /// instead.
    private mutating func advance(closing: UInt8) throws(JSONError) -> Bool {
        precondition(expectation != .value && depth > 0, "a value comes next, or no container is open")
        skipWhitespace()
        guard position < bytes.count else { throw JSONError(.unexpectedEnd, at: position) }
        if bytes[position] == closing {
            depth -= 1
            endValue(at: position + 1)
            return false
        }
        if expectation == .next {
            try expect(UInt8(ascii: ","))
            position += 1
            skipWhitespace()
        }
        return true
    }

    @inline(__always)
    private mutating func endValue(at end: Int) {
        position = end
        expectation = .next
    }

    /// Scans the string whose opening quote is at `position`.
    private mutating func scanString() throws(JSONError) -> JSONContent {
        let content = try JSONScan.string(bytes, from: position + 1)
        endValue(at: content.end + 1)
        return content
    }

    private mutating func scanWord(_ word: StaticString) throws(JSONError) {
        let mismatch = word.withUTF8Buffer { letters in
            letters.indices.first { unsafe position + $0 >= bytes.count || bytes[position + $0] != letters[$0] }
        }
        if let mismatch {
            let fault = position + mismatch
            throw JSONError(fault < bytes.count ? .unexpectedByte : .unexpectedEnd, at: fault)
        }
        endValue(at: position + word.utf8CodeUnitCount)
    }

    /// Most clients send none, or a space.
    @inline(__always)
    private mutating func skipWhitespace() {
        if position < bytes.count, bytes[position] <= 0x20 { skipMoreWhitespace() }
    }

    private mutating func skipMoreWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }
}
