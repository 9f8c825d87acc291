// How the REST API words what every answer of it has: the JSON of an error, the request's identity, and what the answer varies by
// (docs/rest-api.md, R701 and R114). The transport is given this when a server is made.

import HTTP
import JSON

extension Response {
    /// Clients are told to stay with HTTPS for two years (R616).
    private static let transportSecurity = "max-age=63072000"

    /// The fields of every answer: any of them may be compressed.
    package static let standing: ResponseFields = {
        var fields = ResponseFields()
        fields.append(.vary, "Accept-Encoding")
        return fields
    }()

    /// The answer to what is refused: `{"Error":"…"}`.
    package init(_ refusal: Refusal) {
        var body: [UInt8] = []
        body.append(literal: "{\"Error\":")
        body.appendJSON(string: refusal.sentence)
        body.append(literal: "}")
        self.init(refusal.status, contentType: .json, body: body)
        self.refusal = refusal.sentence
    }

    /// Names the request that this answers, so that the logs of both sides can be joined; under the original's name for it as well.
    package mutating func identify(_ id: RequestID) {
        fields.append(.requestID, id)
        fields.append(.legacyRequestID, id)
    }

    mutating func secureTransport() { fields.append(.transportSecurity, Self.transportSecurity) }
}
