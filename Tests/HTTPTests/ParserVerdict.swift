// What the gate made of a connection's bytes, as a value that two runs can be compared by.

import HTTP

/// The outcome of feeding one connection's bytes to a new gate.
struct ParserVerdict: Equatable, CustomStringConvertible {
    /// One head that the gate let pass, as far as tests compare it.
    struct Passed: Equatable {
        let method: HTTP.Method
        let minorVersion: UInt8
        let target: [UInt8]
        let declaredLength: Int?
        let bytes: [UInt8]
        let fields: [[UInt8]?]
    }

    var passed: [Passed] = []
    var refusal: Refusal?
    var isIdle = false

    /// Feeds the pieces one after the other, and takes the requests only at the end.
    init(_ pieces: some Sequence<ArraySlice<UInt8>>, limits: RequestLimits = RequestLimits()) {
        var parser = RequestParser(limits: limits)
        for piece in pieces { parser.feed(piece.span) }
        take(from: &parser)
    }

    init(_ bytes: [UInt8], limits: RequestLimits = RequestLimits()) {
        self.init(CollectionOfOne(bytes[...]), limits: limits)
    }

    init(_ text: String) { self.init(Array(text.utf8)) }

    private mutating func take(from parser: inout RequestParser) {
        while let head = parser.takeRequest() {
            passed.append(
                Passed(
                    method: head.method, minorVersion: head.minorVersion, target: Array(head.target),
                    declaredLength: head.declaredLength,
                    bytes: head.bytes, fields: RequestHead.Field.allCases.map { head[$0].map(Array.init) }))
        }
        refusal = parser.refusal
        isIdle = parser.isIdle
    }

    var description: String {
        let heads = passed.map { "\($0.method) \(String(decoding: $0.target.prefix(60), as: UTF8.self))" }
        return "\(heads), \(refusal.map { "\($0.status.rawValue) \($0.sentence)" } ?? (isIdle ? "idle" : "waiting"))"
    }
}

extension RequestParser {
    mutating func feed(_ text: String) {
        let bytes = Array(text.utf8)
        feed(bytes.span)
    }
}

extension RequestHead {
    /// The head of one request whose text is right; nil, and so a failed `#require`, when the gate does not pass it.
    static func of(_ text: String) -> RequestHead? {
        var parser = RequestParser(limits: RequestLimits())
        parser.feed(text)
        return parser.takeRequest()
    }

    static func get(_ target: String, _ headerLines: String...) -> RequestHead? {
        of("GET \(target) HTTP/1.1\r\nHost: a\r\n\(headerLines.map { $0 + "\r\n" }.joined())\r\n")
    }
}
