// The right to answer one request, once. Answering twice does not compile, and a handler that loses the reply has answered 500: a client is
// never left waiting for a mistake of ours.

import CLibevent
import HTTP

/// The answer that a request waits for. May be kept and sent in a later turn, on the loop's thread only.
public struct PendingReply: ~Copyable {
    private let request: UnsafeMutablePointer<evhttp_request>
    /// Unretained so that this is a plain value; evhttp frees no connection while a request of it is held, and the server keeps the
    /// connection as long as evhttp does.
    private let connection: Unmanaged<Connection>
    private let isHead: Bool
    /// evhttp tells the length of what it sends, but not of what HEAD leaves out, nor to CONNECT, nor in HTTP/1.0.
    private let needsLength: Bool

    init(_ request: UnsafeMutablePointer<evhttp_request>, _ connection: Connection, _ head: RequestHead) {
        self.request = request
        self.connection = .passUnretained(connection)
        isHead = head.method == .head
        needsLength = head.method == .head || head.method == .connect || head.minorVersion == 0
    }

    /// Writes the response. Its body is left out for HEAD, and its length told.
    public consuming func send(_ response: Response) {
        write(response)
        discard self
    }

    deinit {
        EvhttpErrorPage.send(request, status: .internalServerError)
    }

    private borrowing func write(_ response: Response) {
        let connection = self.connection.takeUnretainedValue()
        guard let headers = evhttp_request_get_output_headers(request) else { return }
        // What every answer has, as one header: none of it comes from a client but the request's identity, which is visible ASCII.
        var common = connection.commonHeaders
        if !response.requestID.isEmpty {
            common += "\r\nX-Request-Id: "
            common += response.requestID.value
            common += "\r\nRequest_id: "
            common += response.requestID.value
        }
        _ = registry_add_header_block(headers, "Date", common)
        if let contentType = response.contentType { add(headers, "Content-Type", contentType.value) }
        if response.isGzipped { evhttp_add_header(headers, "Content-Encoding", "gzip") }
        if let location = response.location { evhttp_add_header(headers, "Location", location) }
        if let allow = response.allow { evhttp_add_header(headers, "Allow", allow) }
        if let seconds = response.retryAfter { evhttp_add_header(headers, "Retry-After", String(seconds)) }
        if let seconds = response.transportSecurity { evhttp_add_header(headers, "Strict-Transport-Security", "max-age=\(seconds)") }
        if response.challenges { evhttp_add_header(headers, "WWW-Authenticate", "Bearer") }
        if response.closesConnection || connection.isDraining { evhttp_add_header(headers, "Connection", "close") }
        if let entityTag = response.entityTag { evhttp_add_header(headers, "ETag", entityTag) }
        // What 304 leaves out is not its own: it must not say how long that is unless it knows (RFC 9110, section 8.6).
        if needsLength, response.status != .notModified { evhttp_add_header(headers, "Content-Length", String(response.body.count)) }

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

    private borrowing func add(_ headers: UnsafeMutablePointer<evkeyvalq>, _ name: StaticString, _ value: StaticString) {
        evhttp_add_header(headers, pointer(name), pointer(value))
    }
}
