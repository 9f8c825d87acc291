// What evhttp refuses by itself, before there is a request to hand to anybody. The gate leaves it little to refuse; what is left is answered in
// the registry's JSON, and closed.

import CLibevent
import HTTP

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
