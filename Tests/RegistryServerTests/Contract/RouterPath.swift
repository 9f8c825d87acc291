// The way without a socket: the gate frames the bytes, the responder answers, and the answer is written down as the
// transport would.

import HTTP
import TestSupport

@testable import RegistryServer

final class RouterPath: RequestPath {
    /// Bytes are fed in pieces, since they come so over a network, of a size that cuts through everything.
    private static let piece = 7

    private let handler: LoopHandler

    init(_ handler: LoopHandler) { self.handler = handler }

    func send(_ bytes: [UInt8], isHead: Bool, _ what: String) throws -> Answer {
        guard let answer = exchange(bytes, what).first else { throw WaitedInVain(for: "the answer to \(what)") }
        return answer
    }

    func exchange(_ bytes: [UInt8], _ what: String) -> [Answer] {
        var gate = RequestParser(limits: RequestLimits(), bodyRule: handler.bodyRule)
        var answers: [Answer] = []
        var rest = bytes[...]
        let bytes = strained(bytes)
        var start = bytes.startIndex
        while !rest.isEmpty, gate.refusal == nil {
            let piece = rest.prefix(Self.piece)
            gate.feed(piece.span)
            rest = rest.dropFirst(Self.piece)
            while let head = gate.takeRequest() {
                // The next request begins where this one's body ends.
                let body = Self.body(after: head, in: bytes, from: &start)
                let request = Request(
                    head: head, body: body, isSecure: false, clientAddress: "127.0.0.1", localAddress: "127.0.0.1:8080")
                answers.append(Self.answer(handler.respond(request), isToHead: head.method == .head))
            }
        }
        if let refusal = gate.refusal { answers.append(answer(refusal, gate.refusedBytes, isHead: gate.refusesHead)) }
        return answers
    }

    /// What the gate leaves of the bytes for evhttp.
    private func strained(_ bytes: [UInt8]) -> [UInt8] {
        var gate = RequestParser(limits: RequestLimits(), bodyRule: handler.bodyRule)
        gate.feed(bytes.span)
        var kept: [UInt8] = []
        var position = 0
        for range in gate.takeExcisions() {
            kept += bytes[position..<range.lowerBound]
            position = range.upperBound
        }
        return kept + bytes[position...]
    }

    /// The decoded body of the request that begins at `start`, which moves on to the next request.
    private static func body(after head: RequestHead, in bytes: [UInt8], from start: inout Int) -> [UInt8] {
        var index = start
        while !bytes[index...].starts(with: Array("\r\n\r\n".utf8)) { index += 1 }
        index += 4
        if let length = head.declaredLength {
            start = index + length
            return Array(bytes[index..<start])
        }
        var body: [UInt8] = []
        while true {
            let line = bytes[index...].prefix { $0 != 0x0D }
            let size = Int(String(decoding: line, as: UTF8.self), radix: 16) ?? 0
            index = line.endIndex + 2
            body += bytes[index..<(index + size)]
            index += size + 2
            guard size > 0 else { break }
        }
        start = index
        return body
    }

    private static func answer(_ response: Response, isToHead: Bool, closes: Bool = false) -> Answer {
        var headers: [(name: String, value: String)] = []
        for fields in [Response.standing, response.fields] {
            for index in 0..<fields.count { headers.append(("\(fields[index].name.text)", fields[index].value.text)) }
        }
        if response.status.mayHaveBody { headers.append(("Content-Length", String(response.body.count))) }
        if let contentType = response.contentType { headers.append(("Content-Type", "\(contentType.value)")) }
        if closes { headers.append(("Connection", "close")) }
        return Answer(
            status: Int(response.status.rawValue), reason: "\(response.status.reason)", headers: headers,
            body: isToHead ? [] : response.body.joined)
    }

    /// As the transport has it worded what the gate refuses.
    private func answer(_ refusal: Refusal, _ received: [UInt8], isHead: Bool) -> Answer {
        Self.answer(handler.refused(refusal, .unreadable(received), "127.0.0.1"), isToHead: isHead, closes: true)
    }
}
