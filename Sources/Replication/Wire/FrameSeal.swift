// A proof authenticates the end that has opened a link, and not the frames on it afterwards: an attacker between two
// members could hand their proofs on and then speak for either. So with a secret every frame behind a proof bears a
// code of its own, under a key that only the two authenticated ends can know, and in an order that cannot be changed.
//
//     key  = HMAC(secret, "a8-replication seal", what the sender's proof is a code of)
//     code = HMAC(key, the frame with its length, how many were sealed before it u64)      behind the frame, counted in its length

/// One direction of a link, from its sender's proof on. Both ends keep one, each counting for itself.
struct FrameSeal {
    /// The bytes of a code.
    static let length = Authenticator.codeLength
    /// The bytes of the count in what a code is of.
    private static let countLength = 8

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
        var sealed = ByteWriter(capacity: frame.count + Self.length)
        sealed.word(UInt32(truncatingIfNeeded: frame.count - FrameCodec.prefix + Self.length))
        sealed.raw(frame[FrameCodec.prefix...])
        sealed.word(nextCount())
        let code = key.code(sealed.bytes)
        sealed.removeLast(Self.countLength)
        sealed.raw(code)
        return sealed.bytes
    }

    /// Where the frame's own bytes are in `bytes`, of which `range` is a sealed frame with its length.
    mutating func open(_ bytes: [UInt8], in range: Range<Int>) throws(FrameError) -> Range<Int> {
        let body = range.lowerBound + FrameCodec.prefix
        let end = range.upperBound - Self.length
        guard end > body else { throw .seal }
        var message = ByteWriter(capacity: end - range.lowerBound + Self.countLength)
        message.raw(bytes[range.lowerBound..<end])
        message.word(nextCount())
        guard key.isValid(Array(bytes[end..<range.upperBound]), message.bytes) else { throw .seal }
        return body..<end
    }

    private mutating func nextCount() -> UInt64 {
        defer { count += 1 }
        return count
    }
}
