// What is said no with, whoever says it: a status and a sentence. How it is worded for a client is the affair of the API whose port it is
// (`HTTPServer.RefusalHandler`); nothing here knows one.

/// Why a request is not served. What the parser refuses ends the connection too, so that bytes smuggled after the refused ones are never read as a
/// request.
public struct Refusal: Error, Sendable, Equatable {
    public let status: Status
    /// What is wrong, for the person who reads the client's log.
    public let sentence: String

    public init(_ status: Status, _ sentence: String) {
        self.status = status
        self.sentence = sentence
    }
}

/// What made the transport answer by itself, without a handler.
public enum RefusalCause: Sendable, Equatable {
    /// What came cannot be read as a request; these are its first bytes, at most `RequestLimits.excerpt`.
    case unreadable([UInt8])
    /// A limit on connections was met. Thousands may meet it at a time.
    case limit
    /// The handler lost the request.
    case lost
}
