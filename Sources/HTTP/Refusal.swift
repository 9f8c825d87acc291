// What is said no with, whoever says it: a status and a sentence, which every error answers in the same JSON (docs/rest-api.md, R701).

import JSON

/// Why a request is not served. What the gate refuses ends the connection too, so that bytes smuggled behind the refused ones are never read as a
/// request.
public struct Refusal: Error, Sendable, Equatable {
    public let status: Status
    /// What is wrong, for the person who reads the client's log.
    public let sentence: String

    public init(_ status: Status, _ sentence: String) {
        self.status = status
        self.sentence = sentence
    }

    /// The body that it is answered with: `{"Error":"…"}`.
    public var body: [UInt8] {
        var body: [UInt8] = []
        body.append(literal: "{\"Error\":")
        body.appendJSON(string: sentence)
        body.append(literal: "}")
        return body
    }
}

extension Response {
    /// The answer to what is refused.
    public init(_ refusal: Refusal) {
        self.init(refusal.status, contentType: .json, body: refusal.body)
        self.refusal = refusal.sentence
    }
}
