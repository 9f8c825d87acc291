// The head of an answer as bytes. evhttp takes each header as two C strings, copies both, looks several of them up
// again and prints each with printf: a third of what a small answer costs it. So it gets them all as one; an answer
// that goes past evhttp has its whole head from here.

import CLibevent
import HTTP

/// Renders the heads of answers. Belongs to its loop's thread; without a loop, to its creator.
struct AnswerHead {
    /// The header under whose name evhttp is given all others: the one that it would add by itself where it is missing.
    static let name = "Date"
    /// The lines that every answer has besides.
    private let standing: [UInt8]
    private var second = 0
    /// The value of `Date` (RFC 9110, section 6.6.1), which changes once a second, and `standing`, which never does.
    private var common: [UInt8] = []
    /// What a head of each status begins with, up to the value of `Date`, in the order of `Status.ordinal`.
    private let beginnings: [[UInt8]]
    /// Where the minor version stands in a beginning.
    private static let minorVersion = 7
    /// Reused for every answer.
    private var block: [UInt8] = []

    init(standing: ResponseFields) {
        beginnings = HTTP.Status.allCases.map { status in
            var line: [UInt8] = []
            line.append(constant: "HTTP/1.1 ")
            line.append(decimal: Int(status.rawValue))
            line.append(constant: " ")
            line.append(constant: status.reason)
            line.append(constant: "\r\nDate: ")
            return line
        }
        var lines: [UInt8] = []
        standing.render(to: &lines)
        self.standing = lines
    }

    /// Calls `body` with the headers as evhttp gets them: the value of `Date`, then whole header lines, without the
    /// last line end, ending in NUL.
    mutating func withHeaders(
        of response: borrowing Response, on loop: EventLoop?, _ body: (UnsafePointer<CChar>?) -> Void
    ) {
        block.removeAll(keepingCapacity: true)
        appendHeaders(of: response, on: loop)
        block.append(0)
        unsafe block.withUnsafeBytes { unsafe body($0.assumingMemoryBound(to: CChar.self).baseAddress) }
    }

    /// Where an answer stands in its connection.
    struct Form {
        /// How the client knows where the body ends.
        enum Length { case known, chunked, untilClosed }

        var minorVersion = 1
        /// Whether the answer says that the connection ends with it.
        let closes: Bool
        var length = Length.known
    }

    /// Calls `body` with the whole head, from the status line to the empty line.
    mutating func withHead(
        of response: borrowing Response, _ form: Form, on loop: EventLoop?, _ body: (UnsafeRawBufferPointer) -> Void
    ) {
        renderHead(of: response, form, on: loop)
        unsafe block.withUnsafeBytes(body)
    }

    /// Calls `body` with the whole answer, whose body is copied.
    mutating func withAnswer<Result>(
        _ response: borrowing Response, isHead: Bool, _ form: Form, on loop: EventLoop?,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        renderHead(of: response, form, on: loop)
        if !isHead { response.body.append(to: &block) }
        return unsafe block.withUnsafeBytes(body)
    }

    private mutating func renderHead(of response: borrowing Response, _ form: Form, on loop: EventLoop?) {
        block.removeAll(keepingCapacity: true)
        block.append(contentsOf: beginnings[response.status.ordinal])
        if form.minorVersion == 0 { block[Self.minorVersion] = UInt8(ascii: "0") }
        appendHeaders(of: response, form.length, on: loop)
        if form.closes { block.append(constant: "\r\nConnection: close") }
        block.append(constant: "\r\n\r\n")
    }

    private mutating func appendHeaders(
        of response: borrowing Response, _ length: Form.Length = .known, on loop: EventLoop?
    ) {
        renewDate(on: loop)
        block.append(contentsOf: common)
        response.fields.render(to: &block)
        switch length {
        case .known where response.status.mayHaveBody:
            block.append(constant: "\r\nContent-Length: ")
            block.append(decimal: response.body.count)
        case .chunked: block.append(constant: "\r\nTransfer-Encoding: chunked")
        case .known, .untilClosed: break
        }
        if let contentType = response.contentType {
            block.append(constant: "\r\nContent-Type: ")
            block.append(constant: contentType.value)
        }
    }

    /// By the time that the loop has read in this turn; without a loop, always a new one.
    private mutating func renewDate(on loop: EventLoop?) {
        if let loop {
            var now = timeval()
            unsafe event_base_gettimeofday_cached(loop.base, &now)
            guard now.tv_sec != second else { return }
            second = now.tv_sec
        }
        common = DateField.now()
        common.append(contentsOf: standing)
    }
}
