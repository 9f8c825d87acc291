// Answers given without a request: what the gate or the border refused has none. They speak the registry's JSON, and close.

import HTTP

/// The bytes of a refusal, written straight to the connection.
enum RefusalAnswer {
    /// When a client that was one too many may try again, in seconds.
    private static let retrySeconds = 5

    /// What a connection is told that the border does not let in.
    static func refusal(_ event: BorderEvent) -> Refusal {
        switch event {
        case .connectionsPerClient: Refusal(.serviceUnavailable, "this client has as many connections open as one may have")
        default: Refusal(.serviceUnavailable, "the registry has as many connections open as it may have")
        }
    }

    /// The same as bytes, for a connection that evhttp never hears of.
    static func atTheDoor(_ event: BorderEvent) -> [UInt8] { bytes(refusal(event), RequestID(random: .random(in: 0 ... .max))) }

    /// A whole response. It always says HTTP/1.1, whatever the client claimed to speak. To HEAD it is a head alone (RFC 9110, section 9.3.2).
    static func bytes(_ refusal: Refusal, _ requestID: RequestID, isHead: Bool = false) -> [UInt8] {
        let body = refusal.body
        let retry = refusal.status == .serviceUnavailable ? "Retry-After: \(retrySeconds)\r\n" : ""
        return Array(
            """
            HTTP/1.1 \(refusal.status.rawValue) \(refusal.status.reason)\r
            Date: \(String(decoding: HTTPDate.now(), as: UTF8.self))\r
            Content-Type: application/json\r
            Content-Length: \(body.utf8.count)\r
            Connection: close\r
            \(retry)Vary: Accept-Encoding\r
            X-Request-Id: \(requestID.value)\r
            Request_id: \(requestID.value)\r
            \r
            \(isHead ? "" : body)
            """.utf8)
    }
}

extension Refusal {
    /// The body that it is answered with.
    var body: String { "{\"Error\":\"\(sentence)\"}" }

    /// The bytes of that body.
    public var bodyLength: Int { body.utf8.count }
}
