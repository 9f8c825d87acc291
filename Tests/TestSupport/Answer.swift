// An answer as a client reads it: bytes taken apart by RFC 9112, and nothing believed that was not sent.

import Foundation

/// One HTTP response.
package struct Answer: Sendable {
    package let version: String
    package let status: Int
    package let reason: String
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package init(
        version: String = "HTTP/1.1", status: Int, reason: String, headers: [(name: String, value: String)],
        body: [UInt8]
    ) {
        self.version = version
        self.status = status
        self.reason = reason
        self.headers = headers
        self.body = body
    }

    /// All values of a header, in the order sent; the name in any case.
    package func all(_ name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The value of a header that came exactly once; nil when it came never, or more than once.
    package subscript(name: String) -> String? {
        let values = all(name)
        return values.count == 1 ? values[0] : nil
    }

    /// The body as text; what is not UTF-8 is replaced.
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as JSON. Throws when it is none.
    package func json() throws -> Any { try JSONSerialization.jsonObject(with: Data(body), options: .fragmentsAllowed) }

    /// The body as a JSON object. Throws when it is none.
    package func object() throws -> [String: Any] {
        guard let object = try json() as? [String: Any] else { throw Malformed("the body is no JSON object: \(text)") }
        return object
    }

    /// The sentence of `{"Error":…}`, or nil when the body is not exactly that.
    package var error: String? {
        guard let object = try? object(), object.count == 1 else { return nil }
        return object["Error"] as? String
    }

    /// What makes bytes no response.
    package struct Malformed: Error, CustomStringConvertible {
        package let description: String

        init(_ description: String) { self.description = description }
    }
}

extension Answer: CustomStringConvertible {
    package var description: String {
        let lines = headers.map { "\($0.name): \($0.value)" }.joined(separator: " | ")
        return "\(version) \(status) \(reason) | \(lines) || \(text.prefix(2_000))"
    }
}

/// Takes answers from the front of a stream of bytes.
package struct AnswerReader {
    private var bytes: [UInt8] = []

    package init() {}

    package mutating func append(_ more: some Sequence<UInt8>) { bytes += more }

    /// What has come and is not part of an answer yet.
    package var rest: [UInt8] { bytes }

    /// The next answer, or nil until all of it has come. `isToHead`: it has no body whatever its length says.
    package mutating func next(isToHead: Bool) throws -> Answer? {
        guard let headEnd = endOfHead() else { return nil }
        let head = String(decoding: bytes[..<(headEnd - 4)], as: UTF8.self).components(separatedBy: "\r\n")
        let statusLine = head[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard statusLine.count == 3, let status = Int(statusLine[1]) else {
            throw Answer.Malformed("status line: \(head[0])")
        }
        let headers = try head.dropFirst().map { line in
            guard let colon = line.firstIndex(of: ":") else { throw Answer.Malformed("header line: \(line)") }
            return (name: String(line[..<colon]), value: String(line[line.index(after: colon)...].drop { $0 == " " }))
        }
        let lengths = headers.filter { $0.name.lowercased() == "content-length" }
        // 304 has no body, and need not say how long that of 200 would be; 204 has none, and must not (RFC 9110,
        // section 8.6).
        let isBare = status == 304 && lengths.isEmpty || status == 204
        guard status != 204 || lengths.isEmpty else { throw Answer.Malformed("Content-Length in a 204: \(head)") }
        guard isBare || lengths.count == 1, let length = isBare ? 0 : Int(lengths[0].value) else {
            throw Answer.Malformed("not one Content-Length: \(head)")
        }
        let bodyEnd = headEnd + (isToHead ? 0 : length)
        guard bytes.count >= bodyEnd else { return nil }
        defer { bytes.removeFirst(bodyEnd) }
        return Answer(
            version: String(statusLine[0]), status: status, reason: String(statusLine[2]), headers: headers,
            body: Array(bytes[headEnd..<bodyEnd]))
    }

    /// Takes what has come up to and with the first of these bytes; nil when they have not come.
    mutating func take(upTo end: [UInt8]) -> [UInt8]? {
        guard bytes.count >= end.count,
            let start = (0...(bytes.count - end.count)).first(where: { bytes[$0..<($0 + end.count)].elementsEqual(end) }
            )
        else { return nil }
        defer { bytes.removeFirst(start + end.count) }
        return Array(bytes[..<(start + end.count)])
    }

    private func endOfHead() -> Int? {
        guard bytes.count >= 4 else { return nil }
        return (0...(bytes.count - 4)).first { bytes[$0..<($0 + 4)].elementsEqual([0x0D, 0x0A, 0x0D, 0x0A]) }.map {
            $0 + 4
        }
    }
}
