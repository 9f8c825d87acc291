// The way without a socket: the gate frames the bytes, the responder answers, and the answer is written down as the transport would.

import HTTP
import TestSupport

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
        var gate = RequestGate(limits: RequestLimits())
        var answers: [Answer] = []
        var rest = bytes[...]
        let bytes = Self.strained(bytes)
        var start = bytes.startIndex
        while !rest.isEmpty, gate.refusal == nil {
            let piece = rest.prefix(Self.piece)
            gate.feed(piece.span)
            rest = rest.dropFirst(Self.piece)
            while let head = gate.takeRequest() {
                // The next request begins where this one's body ends.
                let body = Self.body(after: head, in: bytes, from: &start)
                let request = Request(head: head, body: body, isSecure: false, clientAddress: "127.0.0.1", localAddress: "127.0.0.1:8080")
                answers.append(Self.answer(handler.respond(request), to: head))
            }
        }
        if let refusal = gate.refusal { answers.append(answer(refusal, gate.refusedBytes, isHead: gate.refusesHead)) }
        return answers
    }

    /// What the gate leaves of the bytes for evhttp.
    private static func strained(_ bytes: [UInt8]) -> [UInt8] {
        var gate = RequestGate(limits: RequestLimits())
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

    private static func answer(_ response: Response, to head: RequestHead) -> Answer {
        var headers: [(name: String, value: String)] = [
            ("X-Request-Id", response.requestID.value), ("Request_id", response.requestID.value), ("Vary", "Accept-Encoding"),
        ]
        if response.status != .notModified, response.status != .noContent {
            headers.append(("Content-Length", String(response.body.count)))
        }
        if let contentType = response.contentType { headers.append(("Content-Type", "\(contentType.value)")) }
        if response.isGzipped { headers.append(("Content-Encoding", "gzip")) }
        if let entityTag = response.entityTag { headers.append(("ETag", entityTag)) }
        if let seconds = response.staleness { headers.append(("X-Registry-Stale", "\(seconds)")) }
        if let location = response.location { headers.append(("Location", location)) }
        if let seconds = response.retryAfter { headers.append(("Retry-After", "\(seconds)")) }
        if let allow = response.allow { headers.append(("Allow", allow)) }
        if response.challenges { headers.append(("WWW-Authenticate", "Bearer")) }
        for line in String(decoding: response.extraFields.bytes, as: UTF8.self).split(separator: "\r\n") {
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            headers.append((String(line[..<colon]), String(line[colon...].dropFirst(2))))
        }
        return Answer(
            status: Int(response.status.rawValue), reason: "\(response.status.reason)", headers: headers,
            body: head.method == .head ? [] : response.body.joined)
    }

    /// As the transport words what the gate refuses.
    private func answer(_ refusal: Refusal, _ received: [UInt8], isHead: Bool) -> Answer {
        let id = handler.refused(refusal, received, "127.0.0.1").value
        let body = Array("{\"Error\":\"\(refusal.sentence)\"}".utf8)
        return Answer(
            status: Int(refusal.status.rawValue), reason: "\(refusal.status.reason)",
            headers: [
                ("Content-Type", "application/json"), ("Content-Length", String(body.count)), ("Connection", "close"),
                ("Vary", "Accept-Encoding"), ("X-Request-Id", id), ("Request_id", id),
            ], body: isHead ? [] : body)
    }
}
