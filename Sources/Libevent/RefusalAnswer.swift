// Answers given without a request: what the parser or the border refused has none. The API words them, and the
// connection ends with them.

package import HTTP

/// The bytes of a refusal, written straight to the connection.
enum RefusalAnswer {
    /// A whole response. It always says HTTP/1.1, whatever the client claimed to speak. To HEAD it is a head alone (RFC
    /// 9110, section 9.3.2).
    static func bytes(_ response: Response, isHead: Bool = false, _ head: inout AnswerHead) -> [UInt8] {
        var bytes: [UInt8] = []
        unsafe head.withHead(of: response, AnswerHead.Form(closes: true), on: nil) {
            unsafe bytes.append(contentsOf: $0)
        }
        return isHead ? bytes : bytes + response.body.joined
    }
}

extension LimitEvent {
    /// What the client is answered, if it is answered at all.
    package var refusal: Refusal? {
        switch self {
        case .connections:
            Refusal(
                .serviceUnavailable,
                "too many connections to this registry: close some, or "
                    + "connect again later")
        case .connectionsPerClient:
            Refusal(
                .serviceUnavailable,
                "too many connections from this client: close some, "
                    + "or connect again later")
        case .descriptors: Refusal(.serviceUnavailable, "too many open files in the registry: connect again later")
        case .header: Refusal(.requestTimeout, "the request line and headers did not arrive in time")
        case .request: Refusal(.requestTimeout, "the request did not arrive in time")
        case .idle, .answer, .waitingOutput, .leaving: nil
        }
    }
}
