// The head of an answer that another server has given to a request of ours. A server that we read is no more to be
// trusted than a client: what it says of its body's end is judged before anything of the body is read.

import Text

/// Status and fields of an answer.
public struct ReceivedHead: Sendable {
    public typealias Field = (name: String, value: String)

    /// 100 and above, as the server wrote it: not all have a name here.
    public let status: Int
    /// In order, with the names as they were written.
    public let fields: [Field]

    public init(status: Int, fields: [Field]) {
        self.status = status
        self.fields = fields
    }

    /// The value of the first field of that name, in whatever case it is written.
    public func first(_ name: String) -> String? {
        fields.first { $0.name.equalsIgnoringCase(name) }?.value
    }

    /// All elements of the fields of that name, which are lists (RFC 9110, section 5.6.1), without white space around
    /// them.
    public func elements(_ name: String) -> [Substring] {
        fields.filter { $0.name.equalsIgnoringCase(name) }.flatMap { field in
            field.value.split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
        }
    }

    /// Whether the body comes in chunks (RFC 9112, section 7.1).
    public var isChunked: Bool { first("Transfer-Encoding") != nil }

    /// The length that the body is said to have; nil without one, or with one that `framingFault` refuses.
    public var contentLength: Int? { elements("Content-Length").first.flatMap(Self.length) }

    /// Whether the server closes the connection after this answer (RFC 9112, section 9.6).
    public var asksToClose: Bool { elements("Connection").contains { $0.equalsIgnoringCase("close") } }

    /// Why it is not certain where the answer ends (RFC 9112, section 6.3); nil if it is. A sentence without a full stop.
    public var framingFault: String? {
        let codings = elements("Transfer-Encoding")
        if isChunked {
            guard codings.count == 1, codings[0].equalsIgnoringCase("chunked") else {
                return "the answer has a transfer coding other than chunked"
            }
            // Who puts both perhaps has two readers take different ends.
            return first("Content-Length") == nil ? nil : "the answer has a length and a transfer coding"
        }
        guard first("Content-Length") != nil else { return nil }
        let lengths = Set(elements("Content-Length"))
        guard lengths.count == 1, lengths.first.flatMap(Self.length) != nil else {
            return "the answer's Content-Length is not one number"
        }
        return nil
    }

    /// Digits only, within what can be counted.
    private static func length(_ text: Substring) -> Int? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return Int(text)
    }
}

extension StringProtocol {
    /// Whether both are the same text but for the case of ASCII letters.
    func equalsIgnoringCase(_ other: String) -> Bool {
        utf8.count == other.utf8.count && zip(utf8, other.utf8).allSatisfy { $0.lowercased == $1.lowercased }
    }

    /// Without spaces and tabs at both ends.
    fileprivate var trimmed: SubSequence {
        let isWhite = { (character: Character) in character == " " || character == "\t" }
        var rest = self[...]
        while let first = rest.first, isWhite(first) { rest = rest.dropFirst() }
        while let last = rest.last, isWhite(last) { rest = rest.dropLast() }
        return rest
    }
}
