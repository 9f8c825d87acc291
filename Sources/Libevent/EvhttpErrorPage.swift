// What evhttp refuses by itself, before there is a request to hand to anybody. The request parser leaves it little to
// refuse; what is left is worded as everything else, and closed.

import CLibevent
package import HTTP

/// evhttp's own error pages are HTML. The executable exports a function named as evhttp's that calls this one in their
/// place.
package enum EvhttpErrorPage {
    /// Answers with evhttp's code when it is one of ours, else with 400, and closes. evhttp does not say which request
    /// it was; nothing is known that the request parser lets through and evhttp refuses but a path that begins with
    /// `//`.
    ///
    /// - Parameters:
    ///   - standing: the fields of every answer.
    ///   - wording: makes the answer to what is refused.
    package static func send(
        _ request: OpaquePointer, code: Int32, standing: ResponseFields, wording: (Refusal) -> Response
    ) {
        let status = UInt16(exactly: code).flatMap(Status.init(rawValue:)) ?? .badRequest
        var head = AnswerHead(standing: standing)
        unsafe send(UnsafeMutablePointer<evhttp_request>(request), wording(refusal(status)), &head)
    }

    static func refusal(_ status: Status) -> Refusal {
        Refusal(status, "the request cannot be answered: \(status.reason)")
    }

    static func send(_ request: UnsafeMutablePointer<evhttp_request>, _ response: Response, _ head: inout AnswerHead) {
        guard let headers = unsafe evhttp_request_get_output_headers(request),
            let output = unsafe evhttp_request_get_output_buffer(request)
        else {
            return
        }
        unsafe head.withHeaders(of: response, on: nil) {
            _ = unsafe registry_add_header_block(headers, AnswerHead.name, $0)
        }
        unsafe evhttp_add_header(headers, "Connection", "close")
        unsafe evbuffer_drain(output, evbuffer_get_length(output))
        let body = response.body.joined
        if unsafe request.pointee.type != EVHTTP_REQ_HEAD { unsafe evbuffer_add(output, body, body.count) }
        unsafe request.pointee.type = EVHTTP_REQ_HEAD  // As in PendingReply: evhttp adds no header about the body.
        unsafe evhttp_send_reply(request, Int32(response.status.rawValue), "\(response.status.reason)", nil)
    }
}
