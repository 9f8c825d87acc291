// What every answer over HTTP has, whichever protocol gives it: the request's identity, what the answer varies by, and
// the form of an error, which a protocol may choose for its routes (docs/rest-api.md, R701 and R114). The transport is
// given this when a server is made.

package import HTTP
import JSON

/// How a protocol words what is refused.
package struct ErrorFormat: Sendable {
    private let contentType: ContentType?
    private let body: @Sendable (Refusal) -> [UInt8]

    package init(_ contentType: ContentType?, body: @escaping @Sendable (Refusal) -> [UInt8]) {
        self.contentType = contentType
        self.body = body
    }

    /// `{"Error":"…"}`: that of the REST API, of the pages, and of what no route has.
    package static let json = ErrorFormat(.json) { refusal in
        var body: [UInt8] = []
        body.append(literal: "{\"Error\":")
        body.appendJSON(string: refusal.sentence)
        body.append(literal: "}")
        return body
    }

    /// No body at all, for clients that would read it as something else; the log has the sentence.
    package static let empty = ErrorFormat(nil) { _ in [] }

    /// The answer to a refused request.
    package func response(to refusal: Refusal) -> Response {
        var response = Response(refusal.status, contentType: contentType, body: body(refusal))
        response.refusal = refusal.sentence
        return response
    }
}

extension Response {
    /// Answers say to stay with HTTPS for two years (R616).
    private static let transportSecurity = "max-age=63072000"

    /// The fields of every answer: any of them may be compressed.
    package static let standing: ResponseFields = {
        var fields = ResponseFields()
        fields.append(.vary, "Accept-Encoding")
        return fields
    }()

    /// Names the request that this answers, so that the logs of both sides can be joined; under the original's name for
    /// it as well.
    package mutating func identify(_ id: RequestID) {
        fields.append(.requestID, id)
        fields.append(.legacyRequestID, id)
    }

    mutating func secureTransport() { fields.append(.transportSecurity, Self.transportSecurity) }
}
