// What is asked of another server, and how much of its answer, for how long, is borne. All values.

package import HTTP

/// A request to another server.
package struct OutgoingRequest: Sendable {
    package var method: HTTP.Method
    package var url: HTTPURL
    /// Besides `Host`, `Content-Length`, `Accept-Encoding`, `User-Agent` and, if the URL has user and password,
    /// `Authorization`, which the client sets.
    package var fields: [ReceivedHead.Field] = []
    package var body: [UInt8]?
    package var limits = AnswerLimits()
    package var deadlines = AnswerDeadlines()
    /// Whether it may be sent a second time, when a kept connection has died before anything of the answer came.
    package var isRepeatable: Bool
    /// Whether the answer may be compressed; it is inflated, within `limits`.
    package var acceptsGzip = true

    package init(_ method: HTTP.Method = .get, _ url: HTTPURL) {
        self.method = method
        self.url = url
        isRepeatable = method != .post && method != .patch
    }

    /// The fields as they are sent.
    var sentFields: [ReceivedHead.Field] {
        var sent: [ReceivedHead.Field] = [("Host", url.hostField), ("User-Agent", "a8registry")]
        if acceptsGzip { sent.append(("Accept-Encoding", "gzip")) }
        let names = Set(fields.map { $0.name.lowercased() })
        if let credentials = url.basicCredentials, !names.contains("authorization") {
            sent.append(("Authorization", credentials))
        }
        // evhttp sends a body with DELETE without saying how long it is.
        if let body {
            sent.append(("Content-Length", "\(body.count)"))
        } else if method == .post || method == .put || method == .patch {
            sent.append(("Content-Length", "0"))
        }
        return sent + fields
    }

    /// Why it cannot be sent; nil if it can. Values come from settings and files, and none may end its line.
    var fault: String? {
        for field in fields {
            guard !field.name.isEmpty, field.name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3A }),
                field.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
            else { return "the field \(field.name) has characters that no field may have" }
        }
        switch method {
        case .trace, .connect, .other: return "the method \(method.name) is not for a client"
        case .get, .head, .post, .put, .delete, .options, .patch: return nil
        }
    }
}

/// What of an answer is borne, in bytes.
package struct AnswerLimits: Sendable, Equatable {
    /// Status line and fields.
    package var head = 64 << 10
    /// A chunk as the server has cut it; it is held whole.
    package var chunk = 8 << 20
    /// The body, inflated; `.max` for a stream.
    package var body = 64 << 20

    package init() {}
}

/// How long an answer may take, in milliseconds. Each counts from the beginning of what it bounds, so that a byte now
/// and then wins nothing.
package struct AnswerDeadlines: Sendable, Equatable {
    /// Looking up the name, connecting, the TLS handshake.
    package var connect = 5_000
    /// From the connection to the end of the answer's head.
    package var head = 10_000
    /// From the first step to the end of the answer; nil for a stream.
    package var whole: Int? = 60_000
    /// Without a byte of the body; nil when silence means nothing.
    package var silence: Int? = 30_000

    package init() {}
}

/// A whole answer.
package struct FetchedAnswer: Sendable {
    package let head: ReceivedHead
    package let body: [UInt8]

    package init(head: ReceivedHead, body: [UInt8]) {
        self.head = head
        self.body = body
    }

    package var status: Int { head.status }
}
