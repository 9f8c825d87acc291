// A piece of a body that is sent piece by piece, as it leaves. Thousands of clients may be sent the same one, so it is
// framed once and not for each of them.

/// Some bytes of a streamed body. Copies share the bytes.
package struct StreamPiece: Sendable {
    /// No bytes: nothing is sent.
    package static let empty = StreamPiece([])
    private static let lineEnd = Array("\r\n".utf8)

    /// The piece as a chunk of the chunked coding (RFC 9112, section 7.1); nothing where there are no bytes, since an
    /// empty chunk would end the body.
    package let chunk: [UInt8]
    /// Where the bytes themselves begin in the chunk.
    private let start: Int
    /// How many there are, without the framing.
    package let count: Int

    package init(_ bytes: [UInt8]) {
        count = bytes.count
        guard !bytes.isEmpty else {
            (chunk, start) = ([], 0)
            return
        }
        let length = Array(String(bytes.count, radix: 16).utf8) + Self.lineEnd
        start = length.count
        var chunk: [UInt8] = []
        chunk.reserveCapacity(length.count + bytes.count + Self.lineEnd.count)
        chunk += length
        chunk += bytes
        chunk += Self.lineEnd
        self.chunk = chunk
    }

    package var isEmpty: Bool { count == 0 }

    /// The bytes, without the framing.
    package var bytes: ArraySlice<UInt8> { chunk[start..<start + count] }
}
