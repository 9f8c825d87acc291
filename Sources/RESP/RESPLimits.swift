// What one reply may be. A server is believed less than one's own memory: each bound is held before anything is set
// aside for what goes beyond it.

/// Bounds of one reply.
package struct RESPLimits: Sendable {
    /// Arrays within one another.
    package var depth = 7
    /// Elements of all its arrays together.
    package var elements = 1 << 20
    /// Bytes of one string.
    package var bulk = 16 << 20
    /// Bytes of one line: a status, an error, a number, the length of something.
    package var line = 16 << 10
    /// Bytes of all its strings together.
    package var bytes = 64 << 20

    package init() {}
}

/// Why what a server sends cannot be read on: where the next reply begins is not known any more.
package enum RESPError: Error, Sendable, Equatable, CustomStringConvertible {
    /// hiredis' reason.
    case malformed(String)
    case tooDeep
    case tooManyElements
    case bulkTooLong
    case lineTooLong
    case tooLong
    case outOfMemory

    /// For the log, without a full stop.
    package var description: String {
        switch self {
        case .malformed(let reason): "the server's reply breaks the protocol of Redis: \(reason)"
        case .tooDeep: "the server's reply has more arrays within one another than are read"
        case .tooManyElements: "the server's reply has more elements than are read"
        case .bulkTooLong: "the server's reply has a longer string than is read"
        case .lineTooLong: "the server's reply has a longer line than is read"
        case .tooLong: "the server's reply is longer than is read"
        case .outOfMemory: "there is no memory for the server's reply"
        }
    }
}
