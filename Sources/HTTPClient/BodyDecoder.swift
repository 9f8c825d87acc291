// What an answer's body is once its coding is undone, and whether it is still bearable: a few kilobytes of gzip can stand
// for gigabytes, so what comes out is counted, piece by piece.

import Gzip
import HTTP
import Libevent

/// Counts and inflates a body as it comes.
struct BodyDecoder {
    /// Compressed bytes that are inflated at a time: they come to some megabytes at most.
    private static let step = 4 << 10

    private let limit: Int
    private let inflater: Inflater?
    private var count = 0
    private var isEmpty = true

    /// - Parameter limit: bytes that the body may have, inflated.
    init(_ head: ReceivedHead, limit: Int) throws(ClientFailure) {
        self.limit = limit
        let codings = head.elements("Content-Encoding").filter { $0.lowercased() != "identity" }
        guard let coding = codings.first else {
            inflater = nil
            return
        }
        guard codings.count == 1, coding.lowercased() == "gzip" || coding.lowercased() == "x-gzip" else {
            throw .malformed("the answer has a content coding other than gzip")
        }
        guard let inflater = Inflater() else { throw .connection(.outOfMemory) }
        self.inflater = inflater
    }

    /// Passes on what these bytes come to, in pieces that are not empty.
    mutating func decode(_ bytes: [UInt8], _ body: ([UInt8]) -> Void) throws(ClientFailure) {
        isEmpty = isEmpty && bytes.isEmpty
        guard let inflater else {
            try pass(bytes, body)
            return
        }
        var start = 0
        while start < bytes.count {
            let end = min(start + Self.step, bytes.count)
            let piece: [UInt8]
            do throws(InflateError) {
                // One more than may come, so that its limit is never 0.
                piece = try inflater.unpack(Array(bytes[start..<end]), limit: max(1, limit - count))
            } catch {
                throw error == .tooLong ? .tooLong(limit: limit) : .malformed("the answer's gzip is malformed")
            }
            try pass(piece, body)
            start = end
        }
    }

    private mutating func pass(_ bytes: [UInt8], _ body: ([UInt8]) -> Void) throws(ClientFailure) {
        guard bytes.count <= limit - count else { throw .tooLong(limit: limit) }
        // A stream without a limit may go on for years.
        count = limit == .max ? 0 : count + bytes.count
        if !bytes.isEmpty { body(bytes) }
    }

    /// At the body's end: whether its coding has come to an end too. No body needs no coding.
    func finish() throws(ClientFailure) {
        guard let inflater, !isEmpty, !inflater.isComplete else { return }
        throw .malformed("the answer's gzip ends too early")
    }
}
