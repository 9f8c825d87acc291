// The body of a legacy peer's answer: events, perhaps packed, in chunks. The layers are undone one after the other,
// each bounded.

import Replication

/// Reads the events of an answer from pieces of its body.
struct OriginalBody {
    /// How many times its size a piece may unpack to, and the least that it may in any case. Copies of like instances
    /// pack well; more is an attack.
    private static let greatestRatio = 256
    private static let leastLimit = 1 << 20

    private var chunks: ChunkedDecoder?
    private let unpacker: (any Unpacker)?
    private var reader = ServerSentEventReader()

    /// - Parameter makeUnpacker: asked when the answer is packed. Throws when it has none to give.
    init(_ answer: LegacyAnswer, makeUnpacker: () -> (any Unpacker)?) throws(OriginalFailure) {
        chunks = answer.isChunked ? ChunkedDecoder() : nil
        guard answer.isPacked else {
            unpacker = nil
            return
        }
        guard let unpacker = makeUnpacker() else { throw .packing }
        self.unpacker = unpacker
    }

    /// Whether the body has come to its marked end.
    var hasEnded: Bool { chunks?.isComplete ?? false }

    /// Whether it has come to its marked end and nothing is missing.
    var isWhole: Bool { hasEnded && unpacker?.isComplete ?? true && reader.isBetweenEvents }

    /// Adds the events that are complete with these bytes. An error comes behind the events before it; the body must
    /// not be used any more then.
    mutating func read(_ bytes: [UInt8], into events: inout [ServerSentEvent]) throws(OriginalFailure) {
        var content = bytes
        var failure: OriginalFailure?
        if chunks != nil {
            content = []
            do throws(ChunkError) { try chunks?.decode(bytes, into: &content) } catch { failure = .chunk(error) }
        }
        if let unpacker {
            let limit = max(Self.leastLimit, content.count * Self.greatestRatio)
            do { content = try unpacker.unpack(content, limit: limit) } catch { throw .packing }
        }
        do throws(ServerSentEventError) { try reader.read(content, into: &events) } catch { throw .event(error) }
        if let failure { throw failure }
    }
}
