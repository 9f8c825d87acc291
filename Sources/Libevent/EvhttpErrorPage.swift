// What evhttp refuses by itself, before there is a request to hand to anybody. The gate leaves it little to refuse; what is left is answered in
// the registry's JSON, and closed.

import CLibevent
import HTTP

/// evhttp's own error pages are HTML. The executable exports a function named as evhttp's that calls this one, so that what evhttp refuses
/// by itself is answered like everything else.
public enum EvhttpErrorPage {
    /// Answers with evhttp's code when it is one of ours, else with 400, and closes. Without what the server adds to its own answers, which
    /// evhttp does not tell; nothing is known that the gate lets through and evhttp refuses.
    public static func send(_ request: OpaquePointer, code: Int32) {
        let status = UInt16(exactly: code).flatMap(Status.init(rawValue:)) ?? .badRequest
        send(UnsafeMutablePointer<evhttp_request>(request), status: status)
    }

    /// - Parameter transportSecurity: seconds for `Strict-Transport-Security`; nil for none.
    static func send(_ request: UnsafeMutablePointer<evhttp_request>, status: Status, transportSecurity: Int? = nil) {
        guard let headers = evhttp_request_get_output_headers(request), let output = evhttp_request_get_output_buffer(request) else {
            return
        }
        let refusal = Refusal(status, "the request cannot be answered: \(status.reason)")
        var response = Response(refusal)
        response.requestID = RequestID(random: .random(in: 0 ... .max))
        response.transportSecurity = transportSecurity
        var head = AnswerHead()
        head.withHeaders(of: response, on: nil) { _ = registry_add_header_block(headers, AnswerHead.name, $0) }
        evhttp_add_header(headers, "Connection", "close")
        evbuffer_drain(output, evbuffer_get_length(output))
        if request.pointee.type != EVHTTP_REQ_HEAD { evbuffer_add(output, refusal.body, refusal.body.count) }
        request.pointee.type = EVHTTP_REQ_HEAD  // As in PendingReply: evhttp adds no header about the body.
        evhttp_send_reply(request, Int32(status.rawValue), "\(status.reason)", nil)
    }
}
