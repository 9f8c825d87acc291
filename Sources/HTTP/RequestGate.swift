// evhttp is lenient where a border must be strict: it takes two differing Content-Lengths, bare line feeds, folded headers, NUL bytes and
// transfer codings that it then does not undo. So every byte of a connection passes this gate before evhttp parses it. The gate frames the
// requests by RFC 9112 as strictly as it can be read, and its word is final: the first violation closes the connection.
//
//             line end      empty line, no body
//          ┌───────────┐  ┌──────────────────────┐
//          ▼           │  ▼                      │
//   ┌─► requestLine ─► headerLines ─► fixedBody ──┤ all bytes seen
//   │                      │                      │
//   │                      └─► chunkSize ◄─► chunkData
//   │                              │ size 0
//   └────── request complete ◄─── lastLine             any state ─► refused (stays)

import Text

/// The strict framing of one connection's requests: a pure state machine over its bytes.
public struct RequestGate: ~Copyable {
    private enum State {
        /// Waiting for, or within, the request line.
        case requestLine
        /// Within the header lines.
        case headerLines
        /// A body of a declared length, of which so many bytes are to come.
        case fixedBody(remaining: Int)
        /// The line that gives the next chunk's size.
        case chunkSize
        /// A chunk's bytes; `remaining` includes the line end behind them.
        case chunkData(remaining: Int)
        /// The empty line behind the last chunk. Trailer fields are refused: nothing here reads them.
        case lastLine
        /// Something was refused. Invariant: `refusal` is not nil, and nothing changes any more.
        case refused
    }

    /// The longest line that may give a chunk's size: eight hexadecimal digits exceed any body limit by far.
    private static let chunkSizeDigits = 8
    /// `HTTP/1.1`.
    private static let versionBytes = 8
    /// Every number of so many decimal digits fits into an Int.
    private static let safeDigits = 18
    /// CR LF.
    static let lineEndBytes = 2

    /// Room for the head of most requests, in bytes, so that it is not made step by step.
    private static let typicalHead = 480
    /// So many taken heads are let lie where heads are still waiting behind them.
    private static let fewTaken = 64

    private let limits: RequestLimits
    private var state = State.requestLine
    /// The head being received; of a request whose body is being received, already handed to `heads`.
    private var head = RequestHead()
    /// Where the line being received begins in `head.bytes`.
    private var lineStart = 0
    /// Up to where `head.bytes` was searched for the end of a line.
    private var searched = 0
    private var lines = 0
    private var hosts = 0
    private var contentLength: Int?
    private var isChunked = false
    /// The chunk line being received.
    private var chunkLine: [UInt8] = []
    private var chunkedBytes = 0
    /// Invariant: oldest first; `taken` empty ones, the heads of complete requests, then at most one whose body is still arriving.
    private(set) var heads: [RequestHead] = []
    /// How many of `heads` were taken. Removing each from the front would cost the square of how many requests one read may bring; so they are
    /// removed together once all are, or most: a client may see to it that one is always left.
    private var taken = 0

    /// How many requests were received whole, and not yet taken.
    public private(set) var completeRequests = 0
    /// How many requests were received whole since the connection began.
    private var requestsSoFar = 0
    /// Why nothing behind the complete requests will be served; nil while all is well.
    public private(set) var refusal: Refusal?
    /// The beginning of the refused request, at most `RequestLimits.excerpt` bytes: what it was, for the log.
    public private(set) var refusedBytes: [UInt8] = []
    /// Whether the refused request began as one of HEAD, whose answer has no body whatever it says (RFC 9110, section 9.3.2).
    public private(set) var refusesHead = false

    public init(limits: RequestLimits) {
        self.limits = limits
    }

    /// Whether the connection is between requests: no byte of an unfinished one has come.
    public var isIdle: Bool {
        if case .requestLine = state { return head.bytes.isEmpty && completeRequests == 0 }
        return false
    }

    /// What the client is at. Whether the complete requests are answered is not the gate's to know.
    public var activity: Activity {
        switch state {
        case .requestLine: head.bytes.isEmpty ? .idle(after: requestsSoFar) : .head(of: requestsSoFar)
        case .headerLines: .head(of: requestsSoFar)
        case .fixedBody, .chunkSize, .chunkData, .lastLine: .body(of: requestsSoFar)
        case .refused: .leaving
        }
    }

    /// Whether there is a complete request, and the oldest one is self-contained.
    public var isNextSelfContained: Bool { completeRequests > 0 && heads[taken].isSelfContained }

    /// Takes the head of the oldest complete request, or nil when there is none.
    public mutating func takeRequest() -> RequestHead? {
        guard completeRequests > 0 else { return nil }
        completeRequests -= 1
        var head = RequestHead()
        swap(&head, &heads[taken])
        taken += 1
        if taken == heads.count {
            heads.removeAll(keepingCapacity: taken == 1)
            taken = 0
        } else if taken > Self.fewTaken, taken > heads.count / 2 {
            heads.removeFirst(taken)
            taken = 0
        }
        return head
    }

    /// Looks at the bytes that arrived next on the connection.
    public mutating func feed(_ chunk: Span<UInt8>) {
        var position = 0
        while position < chunk.count {
            switch state {
            case .requestLine, .headerLines:
                feedHead(chunk, &position)
            case .fixedBody(let remaining):
                let taken = min(remaining, chunk.count - position)
                position += taken
                if taken == remaining { completeRequest() } else { state = .fixedBody(remaining: remaining - taken) }
            case .chunkSize, .lastLine:
                feedChunkLine(chunk, &position)
            case .chunkData(let remaining):
                feedChunkData(chunk, &position, remaining)
            case .refused:
                return
            }
        }
    }

    /// Ends the connection for a reason found outside the bytes, such as a deadline.
    public mutating func refuse(_ status: Status, _ sentence: String) {
        guard refusal == nil else { return }
        refusal = Refusal(status, sentence)
        refusesHead = head.bytes.starts(with: "HEAD ".utf8)
        // Of one whose body is refused the head has been handed on.
        refusedBytes = Array(((heads.count - taken > completeRequests ? heads.last : nil) ?? head).bytes.prefix(RequestLimits.excerpt))
        state = .refused
        head = RequestHead()
        if heads.count - taken > completeRequests { heads.removeLast() }
    }

    // MARK: - The head

    private mutating func feedHead(_ chunk: Span<UInt8>, _ position: inout Int) {
        // As much as most heads have is taken at once, and what then turns out to be behind the head is given back. The empty line that
        // ends the head is not counted, and is not known for one before it is whole.
        let room = limits.head + Self.lineEndBytes + 1 - head.bytes.count
        let end = min(position + min(room, Self.typicalHead), chunk.count)
        if head.bytes.isEmpty { head.bytes.reserveCapacity(Self.typicalHead) }
        head.bytes.append(chunk.extracting(position..<end))
        position = end
        while let lineEnd = head.bytes.span.first(0x0A, in: searched..<head.bytes.count) {
            searched = lineEnd + 1
            if lineEnd == lineStart + 1, head.bytes[lineStart] == 0x0D, isPastRequestLine {
                position -= head.bytes.count - searched
                head.bytes.removeLast(head.bytes.count - lineStart)
                return attempt { gate throws(Refusal) in try gate.endHead() }
            }
            readLine(endingAt: lineEnd)
            if refusal != nil { return }
        }
        searched = head.bytes.count
        if searched > limits.head + Self.lineEndBytes { refuseLongHead() }
    }

    private var isPastRequestLine: Bool {
        if case .headerLines = state { true } else { false }
    }

    private mutating func readLine(endingAt lineEnd: Int) {
        guard lineEnd > lineStart, head.bytes[lineEnd - 1] == 0x0D else { return refuse(.badRequest, "lines end with CR LF") }
        guard lineEnd < limits.head else { return refuseLongHead() }
        let line = lineStart..<lineEnd - 1
        lineStart = lineEnd + 1
        if isPastRequestLine {
            attempt { gate throws(Refusal) in try gate.readHeaderLine(line) }
        } else {
            attempt { gate throws(Refusal) in try gate.readRequestLine(line) }
        }
    }

    /// Takes a step that may refuse.
    private mutating func attempt(_ step: (inout RequestGate) throws(Refusal) -> Void) {
        do throws(Refusal) {
            try step(&self)
        } catch {
            refuse(error.status, error.sentence)
        }
    }

    private mutating func refuseLongHead() {
        if case .requestLine = state { return refuse(.uriTooLong, Self.longTarget(limits)) }
        refuse(.headerFieldsTooLarge, "the request line and headers are limited to \(limits.head) bytes")
    }

    private static func longTarget(_ limits: RequestLimits) -> String { "the request target is limited to \(limits.target) bytes" }

    /// `METHOD SP /target SP HTTP/1.x`, single spaces, visible ASCII only.
    private mutating func readRequestLine(_ line: Range<Int>) throws(Refusal) {
        // The version has a fixed length, so what is left of it is the target, whatever spaces that may wrongly have.
        let versionStart = line.upperBound - Self.versionBytes
        guard let space = head.bytes.span.first(0x20, in: line), space + 1 < versionStart, head.bytes[versionStart - 1] == 0x20 else {
            throw Refusal(.badRequest, "the request line is not 'METHOD /path HTTP/1.1'")
        }
        guard space > line.lowerBound, head.bytes.span.areAll(.token, in: line.lowerBound..<space) else {
            throw Refusal(.badRequest, "the method is not a token")
        }
        let target = space + 1..<versionStart - 1
        guard target.count <= limits.target else { throw Refusal(.uriTooLong, Self.longTarget(limits)) }
        let method = Method(head.bytes[line.lowerBound..<space])
        guard !target.isEmpty, head.bytes[target.lowerBound] == UInt8(ascii: "/") || method == .options && head.bytes[target].equals("*")
        else {
            throw Refusal(.badRequest, "the request target is not an absolute path")
        }
        guard let shape = head.bytes.span.targetShape(in: target) else {
            throw Refusal(.badRequest, "the request target has characters that must be percent-encoded")
        }
        let version = head.bytes[versionStart..<line.upperBound]
        if version.equals("HTTP/1.1") {
            head.minorVersion = 1
        } else if version.equals("HTTP/1.0") {
            head.minorVersion = 0
        } else {
            throw Refusal(.badRequest, "the HTTP version is neither 1.1 nor 1.0")
        }
        head.method = method
        head.targetRange = target
        head.targetShape = shape
        state = .headerLines
    }

    private mutating func readHeaderLine(_ line: Range<Int>) throws(Refusal) {
        lines += 1
        guard lines <= limits.headerLines else {
            throw Refusal(.headerFieldsTooLarge, "a request is limited to \(limits.headerLines) header lines")
        }
        guard let colon = head.bytes.span.first(UInt8(ascii: ":"), in: line), colon > line.lowerBound,
            head.bytes.span.areAll(.token, in: line.lowerBound..<colon)
        else {
            throw Refusal(.badRequest, "a header line is not 'name: value' (folded lines and spaces before the colon are not taken)")
        }
        let value = head.bytes.span.trimmed(colon + 1..<line.upperBound)
        guard head.bytes.span.areFieldText(in: value) else {
            throw Refusal(.badRequest, "a header value has a control character")
        }
        let name = head.bytes[line.lowerBound..<colon]
        if let field = RequestHead.Field(name: name) {
            try keep(field, value)
        } else {
            try readFraming(name, head.bytes[value])
        }
    }

    private mutating func keep(_ field: RequestHead.Field, _ value: Range<Int>) throws(Refusal) {
        if field == .host {
            hosts += 1
            guard head.bytes.span.areAll(.host, in: value) else {
                throw Refusal(.badRequest, "the Host header is not a host and port")
            }
        }
        guard !head.has(field) else {
            switch field {
            case .requestID: return  // The first one counts.
            case .host, .authorization, .contentType: throw Refusal(.badRequest, "a header that may come once came twice")
            default: return head.keepOneMore(field)
            }
        }
        head.keep(field, value)
    }

    /// The fields that say where the body ends; only one unambiguous answer is taken (RFC 9112, section 6.3).
    private mutating func readFraming(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) throws(Refusal) {
        if name.equalsIgnoringCase("content-length") {
            guard contentLength == nil, !value.isEmpty, value.allSatisfy(\.isDigit) else {
                throw Refusal(.badRequest, "Content-Length is one decimal number")
            }
            // A number too long for Int is too long for the body limit as well.
            contentLength = value.count > Self.safeDigits ? Int.max : value.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        } else if name.equalsIgnoringCase("transfer-encoding") {
            guard !isChunked, value.equalsIgnoringCase("chunked") else {
                throw Refusal(.notImplemented, "the one transfer coding taken is 'chunked'")
            }
            isChunked = true
        } else if name.equalsIgnoringCase("expect") {
            // A tab before the value is evhttp's to refuse too, which would do so by a page of its own.
            guard value.equalsIgnoringCase("100-continue"), !head.bytes[name.endIndex..<value.startIndex].contains(0x09) else {
                throw Refusal(.expectationFailed, "the one expectation met is '100-continue'")
            }
            head.namesTransport = true
        } else if name.equalsIgnoringCase("connection") {
            if !value.equalsIgnoringCase("keep-alive") { readConnectionOptions(value) }
        }
    }

    /// evhttp only knows a lone `close`, in the first of several fields.
    private mutating func readConnectionOptions(_ value: ArraySlice<UInt8>) {
        head.namesTransport = true
        for option in value.split(separator: UInt8(ascii: ",")) {
            if head.bytes[head.bytes.span.trimmed(option.indices)].equalsIgnoringCase("close") { head.closes = true }
        }
    }

    private mutating func endHead() throws(Refusal) {
        guard hosts == 1 || hosts == 0 && head.minorVersion == 0 else {
            throw Refusal(.badRequest, "a request has exactly one Host header")
        }
        guard !isChunked || contentLength == nil && head.minorVersion == 1 else {
            throw Refusal(.badRequest, "Transfer-Encoding stands alone, and in HTTP/1.1 only")
        }
        let length = contentLength ?? 0
        guard head.method.mayCarryBody || !isChunked && length == 0 else {
            throw Refusal(.badRequest, "this method carries no body")
        }
        guard length <= limits.body else { throw Refusal(.contentTooLarge, Self.longBody(limits)) }
        head.declaredLength = isChunked ? nil : length
        var whole = RequestHead()
        swap(&whole, &head)
        // Hundreds of short ones may come in one read and wait for a client that does not read: they take no more room than they need.
        if completeRequests > 0, whole.bytes.count <= Self.typicalHead / 2 { whole.trim() }
        heads.append(whole)
        if isChunked {
            state = .chunkSize
        } else if length > 0 {
            state = .fixedBody(remaining: length)
        } else {
            completeRequest()
        }
        lineStart = 0
        searched = 0
        lines = 0
        hosts = 0
        contentLength = nil
        isChunked = false
        chunkedBytes = 0
    }

    private static func longBody(_ limits: RequestLimits) -> String { "the body is limited to \(limits.body) bytes" }

    private mutating func completeRequest() {
        completeRequests += 1
        requestsSoFar += 1
        state = .requestLine
    }

    // MARK: - Chunks

    /// `HEX CRLF` before a chunk, `CRLF` alone behind the last. Chunk extensions are refused: evhttp does not read them.
    private mutating func feedChunkLine(_ chunk: Span<UInt8>, _ position: inout Int) {
        let byte = chunk[position]
        position += 1
        guard byte == 0x0A else {
            guard chunkLine.count <= Self.chunkSizeDigits else { return refuseChunk() }
            return chunkLine.append(byte)
        }
        guard chunkLine.popLast() == 0x0D else { return refuse(.badRequest, "lines end with CR LF") }
        defer { chunkLine.removeAll(keepingCapacity: true) }
        if case .lastLine = state {
            guard chunkLine.isEmpty else { return refuse(.badRequest, "trailer fields are not taken") }
            return completeRequest()
        }
        var size = 0
        for digit in chunkLine {
            guard let value = digit.hexadecimalValue else { return refuseChunk() }
            size = size << 4 | Int(value)
        }
        guard !chunkLine.isEmpty else { return refuseChunk() }
        chunkedBytes += size
        guard chunkedBytes <= limits.body else { return refuse(.contentTooLarge, Self.longBody(limits)) }
        state = size == 0 ? .lastLine : .chunkData(remaining: size + Self.lineEndBytes)
    }

    private mutating func refuseChunk() {
        refuse(.badRequest, "a chunk begins with its size in hexadecimal, and nothing else")
    }

    private mutating func feedChunkData(_ chunk: Span<UInt8>, _ position: inout Int, _ remaining: Int) {
        var remaining = remaining
        let data = min(max(remaining - Self.lineEndBytes, 0), chunk.count - position)
        position += data
        remaining -= data
        while remaining <= Self.lineEndBytes, remaining > 0, position < chunk.count {
            guard chunk[position] == (remaining == Self.lineEndBytes ? 0x0D : 0x0A) else {
                return refuse(.badRequest, "a chunk ends with CR LF")
            }
            position += 1
            remaining -= 1
        }
        state = remaining == 0 ? .chunkSize : .chunkData(remaining: remaining)
    }
}
