// Bytes arrive in any pieces; frames are whole. Of a link on which nothing is proven no more is kept than a small
// frame.

/// Makes frames of what a link brings.
struct FrameAssembly {
    private var bytes: [UInt8] = []
    /// Where the next frame begins. Invariant: at most `bytes.count`.
    private var start = 0
    /// The longest frame that is let in, its length aside.
    var limit: Int
    /// Set once the other end has proven that it knows the secret: what comes from then on is sealed.
    var seal: FrameSeal?

    init(limit: Int) {
        self.limit = limit
    }

    mutating func append(_ more: [UInt8]) {
        if start == bytes.count {
            bytes = more
            start = 0
        } else {
            bytes.append(contentsOf: more)
        }
    }

    /// The next whole frame and its bytes, or nil when more is needed. Having thrown, it knows no longer where frames
    /// begin: the link is to be closed.
    mutating func next() throws(FrameError) -> Frame? {
        guard let length = try FrameCodec.length(of: bytes, at: start, limit: limit) else { return need() }
        let body = start + FrameCodec.prefix
        guard bytes.count - body >= length else { return need() }
        let content = try seal?.open(bytes, in: start..<body + length) ?? body..<body + length
        let frame = try FrameCodec.decode(bytes, in: content)
        start = body + length
        return frame
    }

    /// Forgets what was read: an incomplete frame is moved to the front, once for each piece that comes in.
    private mutating func need() -> Frame? {
        if start > 0 {
            bytes.removeSubrange(0..<start)
            start = 0
        }
        return nil
    }
}
