// The right to answer one request, once. Answering twice does not compile, and a handler that loses the reply has answered 500: a client is
// never left waiting for a mistake of ours.

import CLibevent
import HTTP

/// The answer that a request waits for. May be kept and sent in a later turn, on the loop's thread only.
public struct PendingReply: ~Copyable {
    /// evhttp's request; nil for one that went past evhttp.
    private let request: UnsafeMutablePointer<evhttp_request>?
    /// Retained until the reply ends: a connection may end while its reply is kept, and then there is nobody to answer.
    private let connection: Unmanaged<Connection>
    private let isHead: Bool

    init(_ request: UnsafeMutablePointer<evhttp_request>?, _ connection: Connection, _ head: RequestHead) {
        self.request = request
        self.connection = .passRetained(connection)
        isHead = head.method == .head
    }

    /// Writes the response. Its body is left out for HEAD, and its length told.
    public consuming func send(_ response: Response) {
        write(response)
        connection.release()
        discard self
    }

    deinit {
        if let request {
            if connection.takeUnretainedValue().isOpen { EvhttpErrorPage.send(request, status: .internalServerError) }
        } else {
            write(Response(.internalServerError))
        }
        connection.release()
    }

    private borrowing func write(_ response: Response) {
        let connection = self.connection.takeUnretainedValue()
        // evhttp has freed its request with the connection.
        guard connection.isOpen else { return }
        guard let request else { return connection.sendDirectly(response, isHead: isHead) }
        guard let headers = evhttp_request_get_output_headers(request) else { return }
        connection.server.withHeaders(of: response) { _ = registry_add_header_block(headers, AnswerHead.name, $0) }
        // A header of its own, because evhttp looks for it to know whether it is to close.
        if connection.isDraining { evhttp_add_header(headers, "Connection", "close") }
        // To HEAD evhttp adds no header of its own, and writes the body that it is given all the same.
        request.pointee.type = EVHTTP_REQ_HEAD

        if !isHead, !response.body.isEmpty, let output = evhttp_request_get_output_buffer(request) {
            response.body.append(to: output)
        }
        evhttp_request_set_on_complete_cb(
            request,
            { _, context in
                guard let context else { return }
                Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().answerWritten()
            }, self.connection.toOpaque())
        evhttp_send_reply(request, Int32(response.status.rawValue), pointer(response.status.reason), nil)
        connection.answerQueued()
    }

    /// StaticStrings end in NUL, as C wants it.
    private borrowing func pointer(_ text: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
