// Reads replies with hiredis, whatever pieces they come in. hiredis keeps the bytes and finds where each thing begins;
// what it finds goes into values of ours at once, through functions that it calls, so that it makes nothing of its own
// and every bound is looked at before memory is set aside. Of a string whose bytes have not come yet it keeps what has
// come, so the length that the string announces is read from under it.

import CHiredis

/// The replies of one connection. Belongs to one thread.
@safe package final class RESPReader {
    /// Bytes that hiredis is given at a time: it moves what is left of them each time that it has read a kilobyte.
    private static let pieceSize = 16 << 10
    /// Digits and a sign of a 64-bit number, at most.
    private static let longestNumber = 20

    /// Invariant: live until `deinit`, owned by this object.
    private let reader: UnsafeMutablePointer<redisReader>
    /// Invariant: as `reader`, which points to it.
    private let functions: UnsafeMutablePointer<redisReplyObjectFunctions>
    private let builder: ReplyBuilder
    private let limits: RESPLimits
    /// What hiredis has not been given yet: from `offset` on.
    private var waiting: [UInt8] = []
    private var offset = 0
    private var failure: RESPError?

    /// Throws when memory is short.
    package init(limits: RESPLimits = RESPLimits()) throws(RESPError) {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        unsafe functions.initialize(to: ReplyBuilder.functions)
        guard let reader = unsafe redisReaderCreateWithFunctions(functions) else {
            unsafe functions.deallocate()
            throw .outOfMemory
        }
        unsafe self.functions = unsafe functions
        unsafe self.reader = unsafe reader
        self.limits = limits
        builder = ReplyBuilder(limits)
        unsafe reader.pointee.privdata = unsafe Unmanaged.passUnretained(builder).toOpaque()
    }

    deinit {
        unsafe redisReaderFree(reader)
        unsafe functions.deallocate()
    }

    /// Takes what has come. Nothing is read before `next` is asked for it.
    package func feed(_ bytes: [UInt8]) {
        if offset == waiting.count {
            waiting = bytes
        } else {
            waiting.removeFirst(offset)
            waiting += bytes
        }
        offset = 0
    }

    /// The next reply that has come whole; nil when the rest of it is still to come. What came before an error is given
    /// before it, and after it there is nothing but the error.
    package func next() throws(RESPError) -> RESPValue? {
        if let failure { throw failure }
        do throws(RESPError) {
            while true {
                if let value = try read() { return value }
                guard offset < waiting.count else { return nil }
                try feedPiece()
            }
        } catch {
            failure = error
            throw error
        }
    }

    private func feedPiece() throws(RESPError) {
        let end = min(waiting.count, offset + Self.pieceSize)
        let status = unsafe waiting.withUnsafeBytes { bytes in
            let piece = unsafe bytes[offset..<end]
            return unsafe redisReaderFeed(
                reader, UnsafeRawBufferPointer(rebasing: piece).baseAddress?.assumingMemoryBound(to: CChar.self),
                piece.count)
        }
        guard status == REDIS_OK else { throw .outOfMemory }
        offset = end
        if offset == waiting.count {
            waiting = []
            offset = 0
        }
    }

    private func read() throws(RESPError) -> RESPValue? {
        var reply: UnsafeMutableRawPointer?
        let status = unsafe redisReaderGetReply(reader, &reply)
        if let error = builder.error { throw error }
        guard status == REDIS_OK else { throw error }
        guard unsafe reply != nil else {
            try judgeAwaited()
            return nil
        }
        guard let value = builder.take() else { throw .malformed("a kind of reply that is not known") }
        return value
    }

    private var error: RESPError {
        if unsafe reader.pointee.err == REDIS_ERR_OOM { return .outOfMemory }
        let reason = unsafe withUnsafeBytes(of: &reader.pointee.errstr) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .malformed(reason)
    }

    /// Looks at what hiredis has kept because the rest of it is missing.
    private func judgeAwaited() throws(RESPError) {
        let kept = unsafe reader.pointee.len - reader.pointee.pos
        guard kept > 0, let start = unsafe reader.pointee.buf.map({ unsafe $0 + reader.pointee.pos }) else { return }
        guard unsafe chiredis_awaited_type(reader) == REDIS_REPLY_STRING else {
            guard kept <= limits.line else { throw .lineTooLong }
            return
        }
        // The string's length, then its bytes.
        let head = unsafe UnsafeRawBufferPointer(start: start, count: min(kept, Self.longestNumber + 1))
        guard let end = unsafe head.firstIndex(of: UInt8(ascii: "\r")) else {
            guard kept <= Self.longestNumber else { throw .malformed("a string of a length that is no number") }
            return
        }
        var length = 0
        for index in 0..<end {
            let digit = unsafe Int(head[index]) - 0x30
            // What is no number is for hiredis to find, once the line is whole.
            guard (0...9).contains(digit) else { return }
            length = length * 10 + digit
            guard length <= limits.bulk else { throw .bulkTooLong }
        }
        guard builder.bytes + length <= limits.bytes else { throw .tooLong }
    }
}
