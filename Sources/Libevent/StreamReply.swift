// An answer that goes on: server-sent events, for as long as their reader stays. It is bounded by what its client
// takes, timed by the same sweep as every answer, and ended by whichever comes first: its sender, the client's end, or
// the server's.
//
// Unlike an answer that is only awaited, a streamed one ends when its client ends its sending: a client that follows a
// stream has nothing more to send, and one that has gone looks the same until it is written to.

package import HTTP

/// The right to send the body of one answer, piece by piece, and to end it. On the loop's thread only. Losing it ends
/// the answer.
@safe package struct StreamReply: ~Copyable {
    /// Retained by hand, as in `PendingReply`.
    private let connection: Unmanaged<Connection>
    /// By which the connection knows this answer.
    private let number: Int

    init(_ connection: Connection, number: Int) {
        unsafe self.connection = unsafe .passRetained(connection)
        self.number = number
    }

    /// Whether a client still reads, as far as is known.
    package var hasClient: Bool { unsafe connection._withUnsafeGuaranteedRef { $0.machine.isStreaming(number) } }

    /// Sends a piece. False when nothing of it was taken, because the answer has ended, or because more than
    /// `LimitRules.streamedAhead` bytes would then wait for a client that is slower than its stream.
    package func send(_ piece: StreamPiece) -> Bool {
        unsafe connection._withUnsafeGuaranteedRef { $0.send(piece, inStream: number) }
    }

    /// Ends the body. The connection serves on, where the request and its version let it.
    package consuming func end() {
        unsafe connection.takeRetainedValue().endStream(number)
        discard self
    }

    deinit {
        unsafe connection.takeRetainedValue().endStream(number)
    }
}
