// evhttp is lenient where a server must be strict: it takes two differing Content-Lengths, bare line feeds, folded
// headers, NUL bytes and transfer codings that it then does not undo. So every byte of a connection passes this parser
// before evhttp gets it. The parser frames requests as strictly as RFC 9112 can be read, and its decision is final: the
// first violation closes the connection.
//
//             line end      empty line, no body
//          ┌───────────┐  ┌──────────────────────┐
//          ▼           │  ▼                      │
//   ┌─► requestLine ─► headerLines ─► fixedBody ──┤ all bytes seen
//   │     │  ▲             │                      │
//   │     ▼  │             └─► chunkSize ◄─► chunkData
//   │   emptyLine                  │ size 0
//   └────── request complete ◄─── trailer              any state ─► refused (stays)
//
// Some of what RFC 9112 has a server take evhttp does not: an empty line before a request, an absolute form, chunk
// extensions, trailer fields. None of it means anything once the request parser has read it; so the request parser
// lists such bytes as excisions, and they leave the input before evhttp looks there.

import Text

/// The strict framing of one connection's requests: a pure state machine over its bytes.
public struct RequestParser: ~Copyable {
    enum State {
        /// Waiting for, or within, the request line.
        case requestLine
        /// Within the empty line that may stand before a request line (RFC 9112, section 2.2): its CR has come.
        case emptyLine
        /// Within the header lines.
        case headerLines
        /// A body of a declared length, with this many bytes to come.
        case fixedBody(remaining: Int)
        /// The line that gives the next chunk's size.
        case chunkSize
        /// A chunk's bytes; `remaining` includes the line end behind them.
        case chunkData(remaining: Int)
        /// Behind the last chunk: trailer fields, which nothing here reads, up to an empty line.
        case trailer
        /// Something was refused. Invariant: `refusal` is not nil, and nothing changes any more.
        case refused
    }

    /// `HTTP/1.1`.
    static let versionBytes = 8
    /// Every number with this many decimal digits fits into an Int.
    static let safeDigits = 18
    /// CR LF.
    static let lineEndBytes = 2

    /// Room for the head of most requests, in bytes, so that it is not made step by step.
    private static let typicalHead = 480
    /// So many taken heads are let lie where heads are still waiting behind them.
    private static let fewTaken = 64

    let limits: RequestLimits
    private let bodyRule: BodyRule?
    /// How long the body of the request being received may be, in bytes.
    public private(set) var bodyLimit: Int
    var state = State.requestLine
    /// The head being received; of a request whose body is being received, already handed to `heads`.
    var head = HeadDraft()
    /// Where the line being received begins in `head.bytes`.
    var lineStart = 0
    /// Up to where `head.bytes` was searched for the end of a line.
    var searched = 0
    var lines = 0
    var hosts = 0
    var contentLength: Int?
    /// Nil while no `Transfer-Encoding` has come.
    var codings: TransferCodings?
    /// The line of a chunked body being received.
    var chunkLine = ChunkLine()
    var trailerLine = TrailerLine()
    var chunkedBytes = 0
    /// Bytes of extensions and trailer fields, and lines of the latter, of the body being received.
    var dropped = 0
    var trailerLines = 0
    /// Whether the empty line before the next request has come.
    var hasEmptyLine = false
    /// Bytes of the connection that were fed before the piece that is being fed, and before the head being received.
    var fed = 0
    var headStart = 0
    /// Invariant: in order, not empty, apart from each other; counted from the connection's first byte.
    private var excisions: [Range<Int>] = []
    /// Invariant: oldest first; `taken` that are nil, the heads of complete requests, then at most one whose body is
    /// still arriving.
    private(set) var heads: [RequestHead?] = []
    /// How many of `heads` were taken. Removing each from the front would cost the square of how many requests one read
    /// may bring; so they are removed together once all are, or most: a client may see to it that one is always left.
    private var taken = 0

    /// How many requests were received whole, and not yet taken.
    public private(set) var completeRequests = 0
    /// How many requests were received whole since the connection began.
    private var requestsSoFar = 0
    /// Why nothing behind the complete requests will be served; nil while all is well.
    public private(set) var refusal: Refusal?
    /// The beginning of the refused request, at most `RequestLimits.excerpt` bytes: what it was, for the log.
    public private(set) var refusedBytes: [UInt8] = []
    /// Whether the refused request began as one of HEAD, whose answer has no body whatever it says (RFC 9110, section
    /// 9.3.2).
    public private(set) var refusesHead = false

    public init(limits: RequestLimits, bodyRule: BodyRule? = nil) {
        self.limits = limits
        self.bodyRule = bodyRule
        bodyLimit = limits.body
    }

    /// Whether the connection is between requests: no byte of an unfinished one has come.
    public var isIdle: Bool {
        switch state {
        case .requestLine, .emptyLine: head.bytes.isEmpty && completeRequests == 0
        default: false
        }
    }

    /// What the client is at. The parser does not know whether the complete requests are answered.
    public var activity: Activity {
        switch state {
        case .requestLine, .emptyLine: head.bytes.isEmpty ? .idle(after: requestsSoFar) : .head(of: requestsSoFar)
        case .headerLines: .head(of: requestsSoFar)
        case .fixedBody, .chunkSize, .chunkData, .trailer: .body(of: requestsSoFar)
        case .refused: .leaving
        }
    }

    /// How many bytes are still to come of a body whose length was declared.
    public var remainingBody: Int { if case .fixedBody(let remaining) = state { remaining } else { 0 } }

    /// Whether there is a complete request, and the oldest one is self-contained.
    public var isNextSelfContained: Bool { completeRequests > 0 && heads[taken]?.isSelfContained ?? false }

    /// Takes the head of the oldest complete request, or nil when there is none.
    public mutating func takeRequest() -> RequestHead? {
        guard completeRequests > 0 else { return nil }
        completeRequests -= 1
        var head: RequestHead?
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
        defer { fed += chunk.count }
        var position = 0
        while position < chunk.count {
            switch state {
            case .requestLine where chunk[position] == 0x0D && head.bytes.isEmpty && !hasEmptyLine:
                excise(fed + position)
                position += 1
                state = .emptyLine
            case .requestLine, .headerLines:
                feedHead(chunk, &position)
            case .emptyLine:
                guard chunk[position] == 0x0A else { return refuse(.badRequest, "lines must end with CR LF") }
                excise(fed + position)
                position += 1
                hasEmptyLine = true
                state = .requestLine
            case .fixedBody(let remaining):
                let taken = min(remaining, chunk.count - position)
                position += taken
                if taken == remaining { completeRequest() } else { state = .fixedBody(remaining: remaining - taken) }
            case .chunkSize:
                feedChunkLine(chunk, &position)
            case .trailer:
                feedTrailer(chunk, &position)
            case .chunkData(let remaining):
                feedChunkData(chunk, &position, remaining)
            case .refused:
                return
            }
        }
    }

    /// Whether bytes that were fed must leave the input before evhttp sees it.
    public var hasExcisions: Bool { !excisions.isEmpty }

    /// How many bytes were fed in all.
    public var bytesFed: Int { fed }

    /// The bytes that evhttp must not see, as ranges of all that were fed, in order.
    public mutating func takeExcisions() -> [Range<Int>] {
        var taken: [Range<Int>] = []
        swap(&taken, &excisions)
        return taken
    }

    mutating func excise(_ position: Int) { excise(position..<position + 1) }

    mutating func excise(_ range: Range<Int>) {
        guard !range.isEmpty else { return }
        if let last = excisions.last, last.upperBound == range.lowerBound {
            excisions[excisions.count - 1] = last.lowerBound..<range.upperBound
        } else {
            excisions.append(range)
        }
    }

    /// Takes bytes of the head out of what evhttp sees of it.
    mutating func exciseFromHead(_ range: Range<Int>) {
        excise(headStart + range.lowerBound..<headStart + range.upperBound)
        head.excised += range.count
    }

    /// Ends the connection for a reason found outside the bytes, such as a deadline.
    public mutating func refuse(_ status: Status, _ sentence: String) {
        guard refusal == nil else { return }
        refusal = Refusal(status, sentence)
        refusesHead = head.bytes.starts(with: "HEAD ".utf8)
        // Of one whose body is refused the head has been handed on.
        let handedOn = heads.count - taken > completeRequests ? heads.last ?? nil : nil
        refusedBytes = Array((handedOn?.bytes ?? head.bytes).prefix(RequestLimits.excerpt))
        state = .refused
        head = HeadDraft()
        if heads.count - taken > completeRequests { heads.removeLast() }
    }

    // MARK: - The head

    private mutating func feedHead(_ chunk: Span<UInt8>, _ position: inout Int) {
        // As much as most heads have is taken at once, and what then turns out to be behind the head is given back. The
        // empty line that ends the head is not counted, and is not known for one before it is whole.
        let room = limits.head + Self.lineEndBytes + 1 - head.bytes.count
        let end = min(position + min(room, Self.typicalHead), chunk.count)
        if head.bytes.isEmpty {
            head.bytes.reserveCapacity(Self.typicalHead)
            headStart = fed + position
        }
        head.bytes.append(chunk.extracting(position..<end))
        position = end
        while let lineEnd = head.bytes.span.first(0x0A, in: searched..<head.bytes.count) {
            searched = lineEnd + 1
            if lineEnd == lineStart + 1, head.bytes[lineStart] == 0x0D, isPastRequestLine {
                position -= head.bytes.count - searched
                head.bytes.removeLast(head.bytes.count - lineStart)
                return attempt { parser throws(Refusal) in try parser.endHead() }
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
        guard lineEnd > lineStart, head.bytes[lineEnd - 1] == 0x0D else {
            return refuse(.badRequest, "lines must end with CR LF")
        }
        guard lineEnd < limits.head else { return refuseLongHead() }
        let line = lineStart..<lineEnd - 1
        lineStart = lineEnd + 1
        if isPastRequestLine {
            attempt { parser throws(Refusal) in try parser.readHeaderLine(line) }
        } else {
            attempt { parser throws(Refusal) in try parser.readRequestLine(line) }
        }
    }

    /// Takes a step that may refuse.
    private mutating func attempt(_ step: (inout RequestParser) throws(Refusal) -> Void) {
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

    static func longTarget(_ limits: RequestLimits) -> String {
        "the request target is limited to \(limits.target) bytes"
    }

    private mutating func endHead() throws(Refusal) {
        guard hosts == 1 || hosts == 0 && head.minorVersion == 0 else {
            throw Refusal(.badRequest, "a request must have exactly one Host header")
        }
        let isChunked = codings != nil
        guard !isChunked || contentLength == nil && head.minorVersion == 1 else {
            throw Refusal(.badRequest, "Transfer-Encoding stands alone, and in HTTP/1.1 only")
        }
        if let refusal = codings?.refusal { throw refusal }
        let length = contentLength ?? 0
        guard head.method.mayCarryBody || !isChunked && length == 0 else {
            throw Refusal(.badRequest, "a request with this method must not have a body")
        }
        head.declaredLength = isChunked ? nil : length
        bodyLimit = limits.body
        if let bodyRule, isChunked || length > bodyLimit { bodyLimit = try bodyRule.limit(for: RequestHead(head)) }
        guard length <= bodyLimit else { throw Refusal(.contentTooLarge, Self.longBody(bodyLimit)) }
        // One that does not say how long it is may become the longest.
        if let bodyRule, bodyLimit > limits.body { head.room = try bodyRule.room(for: isChunked ? bodyLimit : length) }
        // Hundreds of short ones may come in one read and wait for a client that does not read: they take no more room
        // than they need.
        if completeRequests > 0, head.bytes.count <= Self.typicalHead / 2 { head.trim() }
        heads.append(RequestHead(head))
        head = HeadDraft()
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
        codings = nil
        chunkedBytes = 0
        dropped = 0
        trailerLines = 0
        hasEmptyLine = false
    }

    static func longBody(_ limit: Int) -> String { "the body is limited to \(limit) bytes" }

    mutating func completeRequest() {
        completeRequests += 1
        requestsSoFar += 1
        state = .requestLine
    }
}
