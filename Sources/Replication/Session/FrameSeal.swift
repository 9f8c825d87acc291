// A proof says who has opened a link, and nothing of who speaks on it afterwards: whoever stands between two members could hand their proofs on and
// then speak for either. So with a secret every frame behind a proof bears a code of its own, under a key that only the two who have proven
// themselves to one another can know, and in an order that cannot be changed.
//
//     key  = HMAC(secret, "a8-replication seal", what the sender's proof is a code of)
//     code = HMAC(key, the frame with its length, how many were sealed before it u64)      behind the frame, counted in its length

/// One direction of a link, from its sender's proof on. Both ends keep one, each counting for itself.
struct FrameSeal {
    /// The bytes of a code.
    static let length = Authenticator.codeLength

    private let key: Authenticator
    /// How many frames were sealed, or opened.
    private var count: UInt64 = 0

    /// - Parameter transcript: what the sender's proof is a code of.
    ///
    /// Nil when no key can be prepared.
    init?(_ authenticator: Authenticator, transcript: [UInt8]) {
        var writer = ByteWriter(capacity: transcript.count + 32)
        writer.text("a8-replication seal")
        writer.block(transcript)
        guard let key = authenticator.withKey(authenticator.code(writer.bytes)) else { return nil }
        self.key = key
    }

    /// The frame with its code.
    mutating func seal(_ frame: [UInt8]) -> [UInt8] {
        var message = ByteWriter(capacity: frame.count + Self.length)
        message.word(UInt32(truncatingIfNeeded: frame.count - FrameCodec.prefix + Self.length))
        message.raw(frame[FrameCodec.prefix...])
        let code = key.code(message.bytes + nextCount())
        message.raw(code)
        return message.bytes
    }

    /// Where the frame's own bytes are in `bytes`, of which `range` is a sealed frame with its length.
    mutating func open(_ bytes: [UInt8], in range: Range<Int>) throws(FrameError) -> Range<Int> {
        let body = range.lowerBound + FrameCodec.prefix
        let end = range.upperBound - Self.length
        guard end > body else { throw .seal }
        let message = Array(bytes[range.lowerBound..<end]) + nextCount()
        guard key.isValid(Array(bytes[end..<range.upperBound]), message) else { throw .seal }
        return body..<end
    }

    private mutating func nextCount() -> [UInt8] {
        var writer = ByteWriter(capacity: 8)
        writer.word(count)
        count += 1
        return writer.bytes
    }
}
