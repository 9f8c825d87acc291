// What one request may cost before it is understood. Each limit has a status, by which the client knows which one it
// exceeded.

/// The bounds that the request parser holds a request to, in bytes unless said otherwise.
public struct RequestLimits: Sendable, Equatable {
    /// The request target; longer is 414.
    public var target = 4_096
    /// The request line and all header lines with their line ends; longer is 431.
    public var head = 16_384
    /// How many header lines; more is 431.
    public var headerLines = 100
    /// The decoded body; longer, declared or arriving, is 413.
    public var body = 65_536

    /// How much of a refused request is kept for the log.
    static let excerpt = 64

    public init() {}
}
