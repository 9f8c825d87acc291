// The head of an answer as bytes. evhttp takes each header as two C strings, copies both, looks several of them up again and prints each with
// printf: a third of what a small answer costs it. So it gets them all as one; an answer that goes past evhttp has its whole head from here.

import CLibevent
import HTTP

/// Renders the heads of answers. Belongs to its loop's thread; without a loop, to whoever made it.
struct AnswerHead {
    /// The header under whose name evhttp is given all others: the one that it would add by itself where it is missing.
    static let name = "Date"
    private var second = 0
    /// The value of `Date` (RFC 9110, section 6.6.1), which changes once a second, and `Vary`, which never does.
    private var common: [UInt8] = []
    /// Reused for every answer.
    private var block: [UInt8] = []

    /// Calls `body` with the headers as evhttp gets them: the value of `Date`, then whole header lines, without the last line end, ending in NUL.
    mutating func withHeaders(of response: borrowing Response, on loop: EventLoop?, _ body: (UnsafePointer<CChar>?) -> Void) {
        block.removeAll(keepingCapacity: true)
        appendHeaders(of: response, on: loop)
        block.append(0)
        block.withUnsafeBytes { body($0.assumingMemoryBound(to: CChar.self).baseAddress) }
    }

    /// Calls `body` with the whole head, from the status line to the empty line. `closes` tells the client that the connection ends with it.
    mutating func withHead(of response: borrowing Response, closes: Bool, on loop: EventLoop?, _ body: (UnsafeRawBufferPointer) -> Void) {
        block.removeAll(keepingCapacity: true)
        append("HTTP/1.1 ")
        append(Int(response.status.rawValue))
        append(" ")
        append(response.status.reason)
        append("\r\nDate: ")
        appendHeaders(of: response, on: loop)
        if closes { append("\r\nConnection: close") }
        append("\r\n\r\n")
        block.withUnsafeBytes(body)
    }

    private mutating func appendHeaders(of response: borrowing Response, on loop: EventLoop?) {
        renewDate(on: loop)
        block.append(contentsOf: common)
        if !response.requestID.isEmpty {
            // Visible ASCII by its type.
            append("\r\nX-Request-Id: ")
            block.append(contentsOf: response.requestID.value.utf8)
            append("\r\nRequest_id: ")
            block.append(contentsOf: response.requestID.value.utf8)
        }
        if response.status.mayHaveBody {
            append("\r\nContent-Length: ")
            append(response.body.count)
        }
        if let contentType = response.contentType {
            append("\r\nContent-Type: ")
            append(contentType.value)
        }
        if response.isGzipped { append("\r\nContent-Encoding: gzip") }
        if let entityTag = response.entityTag { append("\r\nETag: ", entityTag) }
        if let seconds = response.staleness {
            append("\r\nX-Registry-Stale: ")
            append(seconds)
        }
        if let location = response.location { append("\r\nLocation: ", location) }
        if let allow = response.allow { append("\r\nAllow: ", allow) }
        if let seconds = response.retryAfter {
            append("\r\nRetry-After: ")
            append(seconds)
        }
        if let seconds = response.transportSecurity {
            append("\r\nStrict-Transport-Security: max-age=")
            append(seconds)
        }
        if response.challenges { append("\r\nWWW-Authenticate: Bearer") }
        if !response.extraFields.isEmpty { block.append(contentsOf: response.extraFields.bytes) }
    }

    /// By the time that the loop has read in this turn; without a loop, always anew.
    private mutating func renewDate(on loop: EventLoop?) {
        if let loop {
            var now = timeval()
            event_base_gettimeofday_cached(loop.base, &now)
            guard now.tv_sec != second else { return }
            second = now.tv_sec
        }
        common = DateField.now()
        common.append(contentsOf: "\r\nVary: Accept-Encoding".utf8)
    }

    private mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { block.append(contentsOf: $0) }
    }

    /// Appends a header whose value may come from a client: without any control character, or not at all.
    private mutating func append(_ name: StaticString, _ value: String) {
        var value = value
        value.withUTF8 { bytes in
            guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return }
            append(name)
            block.append(contentsOf: bytes)
        }
    }

    private mutating func append(_ number: Int) {
        if number < 10, number >= 0 { return block.append(UInt8(ascii: "0") + UInt8(number)) }
        block.append(contentsOf: String(number).utf8)
    }
}

extension HTTP.Status {
    /// Whether a response of this status has a body, be it an empty one (RFC 9110, sections 15.3.5 and 15.4.5).
    fileprivate var mayHaveBody: Bool { self != .noContent && self != .notModified }
}
