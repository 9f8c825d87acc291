// Answers given without a request: what the gate or the border refused has none. They speak the registry's JSON, and close.

import HTTP

/// The bytes of a refusal, written straight to the connection.
enum RefusalAnswer {
    /// When a client that was one too many may try again, in seconds.
    private static let retrySeconds = 5

    /// A whole response. It always says HTTP/1.1, whatever the client claimed to speak. To HEAD it is a head alone (RFC 9110, section 9.3.2).
    ///
    /// - Parameter transportSecurity: seconds for `Strict-Transport-Security`; nil for none.
    static func bytes(_ refusal: Refusal, _ requestID: RequestID, isHead: Bool = false, transportSecurity: Int? = nil) -> [UInt8] {
        var response = Response(refusal)
        response.requestID = requestID
        response.transportSecurity = transportSecurity
        if refusal.status == .serviceUnavailable { response.retryAfter = retrySeconds }
        var bytes: [UInt8] = []
        var head = AnswerHead()
        head.withHead(of: response, closes: true, on: nil) { bytes.append(contentsOf: $0) }
        return isHead ? bytes : bytes + refusal.body
    }

    /// The same for a connection that evhttp never hears of; nothing when its client is told nothing.
    static func atTheDoor(_ event: BorderEvent) -> [UInt8] {
        event.refusal.map { bytes($0, RequestID(random: .random(in: 0 ... .max))) } ?? []
    }
}

extension BorderEvent {
    /// What the client is answered, if it is answered at all.
    var refusal: Refusal? {
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
