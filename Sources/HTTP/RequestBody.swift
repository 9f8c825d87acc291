// The body of a request as it arrives: counted, framed, and passed by. What evhttp does not read of its chunks is
// excised.

import Text

extension RequestParser {
    mutating func feedChunkLine(_ chunk: Span<UInt8>, _ position: inout Int) {
        switch chunkLine.read(chunk[position]) {
        case .more(let isForEvhttp): if !isForEvhttp { drop(fed + position) }
        case .bad(let sentence): refuse(.badRequest, sentence)
        case .tooLarge: refuse(.contentTooLarge, Self.longBody(bodyLimit))
        case .end(let size):
            chunkedBytes += size
            guard chunkedBytes <= bodyLimit else { return refuse(.contentTooLarge, Self.longBody(bodyLimit)) }
            state = size == 0 ? .trailer : .chunkData(remaining: size + Self.lineEndBytes)
        }
        position += 1
    }

    mutating func feedTrailer(_ chunk: Span<UInt8>, _ position: inout Int) {
        switch trailerLine.read(chunk[position]) {
        case .ofField: drop(fed + position)
        case .endOfField:
            drop(fed + position)
            trailerLines += 1
            if trailerLines > limits.headerLines {
                refuse(.headerFieldsTooLarge, "a request is limited to \(limits.headerLines) trailer fields")
            }
        case .ofEmptyLine: break
        case .endOfBody: completeRequest()
        case .bad(let sentence): refuse(.badRequest, sentence)
        }
        position += 1
    }

    /// Evhttp must not see this byte of a chunked body. There may be as many as a head may have.
    private mutating func drop(_ position: Int) {
        excise(position)
        dropped += 1
        if dropped > limits.head {
            refuse(.headerFieldsTooLarge, "chunk extensions and trailer fields are limited to \(limits.head) bytes")
        }
    }

    mutating func feedChunkData(_ chunk: Span<UInt8>, _ position: inout Int, _ remaining: Int) {
        var remaining = remaining
        let data = min(max(remaining - Self.lineEndBytes, 0), chunk.count - position)
        position += data
        remaining -= data
        while remaining <= Self.lineEndBytes, remaining > 0, position < chunk.count {
            guard chunk[position] == (remaining == Self.lineEndBytes ? 0x0D : 0x0A) else {
                return refuse(.badRequest, "a chunk must end with CR LF")
            }
            position += 1
            remaining -= 1
        }
        state = remaining == 0 ? .chunkSize : .chunkData(remaining: remaining)
    }
}
