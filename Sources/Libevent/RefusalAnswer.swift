// Answers given without a request: what the gate refused has none, and evhttp calls for an error page before it has one. Both speak the
// registry's JSON, and both close.

import CLibevent
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
        let body = isHead ? "" : "{\"Error\":\"\(refusal.sentence)\"}"
        let retry = refusal.status == .serviceUnavailable ? "Retry-After: \(retrySeconds)\r\n" : ""
        return Array(
            """
            HTTP/1.1 \(refusal.status.rawValue) \(refusal.status.reason)\r
            Date: \(String(decoding: HTTPDate.now(), as: UTF8.self))\r
            Content-Type: application/json\r
            Connection: close\r
            \(isHead ? "" : "Content-Length: \(body.utf8.count)\r\n")\(retry)Vary: Accept-Encoding\r
            X-Request-Id: \(requestID.value)\r
            Request_id: \(requestID.value)\r
            \r
            \(body)
            """.utf8)
    }
}

/// evhttp's own error pages are HTML. The executable exports a function named as evhttp's that calls this one, so that what evhttp refuses
/// by itself is answered like everything else.
public enum EvhttpErrorPage {
    /// Answers with evhttp's code when it is one of ours, else with 400, and closes.
    public static func send(_ request: OpaquePointer, code: Int32) {
        let status = UInt16(exactly: code).flatMap(Status.init(rawValue:)) ?? .badRequest
        send(UnsafeMutablePointer<evhttp_request>(request), status: status)
    }

    static func send(_ request: UnsafeMutablePointer<evhttp_request>, status: Status) {
        guard let headers = evhttp_request_get_output_headers(request), let output = evhttp_request_get_output_buffer(request) else {
            return
        }
        evhttp_add_header(headers, "Content-Type", "application/json")
        evhttp_add_header(headers, "Connection", "close")
        evhttp_add_header(headers, "Vary", "Accept-Encoding")
        let requestID = RequestID(random: .random(in: 0 ... .max))
        evhttp_add_header(headers, "X-Request-Id", requestID.value)
        evhttp_add_header(headers, "Request_id", requestID.value)
        let body = Array("{\"Error\":\"the request cannot be served: \(status.reason)\"}".utf8)
        evbuffer_drain(output, evbuffer_get_length(output))
        evbuffer_add(output, body, body.count)
        evhttp_send_reply(request, Int32(status.rawValue), "\(status.reason)", nil)
    }
}
