// What `Transfer-Encoding` says, over all of its lines. Only one that says `chunked` and nothing else goes on to
// evhttp, which reads no other, and reads the first line alone: whatever could be read in two ways is refused (RFC
// 9112, sections 6.1 and 6.3).

import Text

/// The transfer codings of one request.
struct TransferCodings {
    /// Whether the field came once, with the value `chunked`.
    private var isChunkedAlone: Bool
    /// Whether each element so far is a coding's name, with or without parameters.
    private var isWellFormed: Bool
    private var chunkedCount = 0
    private var isLastChunked = false

    /// Reads one more line.
    init(_ value: ArraySlice<UInt8>, after earlier: TransferCodings?) {
        isChunkedAlone = earlier == nil && value.equalsIgnoringCase("chunked")
        isWellFormed = earlier?.isWellFormed ?? true
        chunkedCount = earlier?.chunkedCount ?? 0
        for element in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let coding = element.trimmed()
            let name = coding.prefix { $0 != UInt8(ascii: ";") }.trimmed()
            isLastChunked = coding.equalsIgnoringCase("chunked")
            if isLastChunked { chunkedCount += 1 }
            // `chunked` has no parameters.
            if name.isEmpty || !name.allSatisfy(ByteSet.token.contains)
                || name.equalsIgnoringCase("chunked") && !isLastChunked
            {
                isWellFormed = false
            }
        }
    }

    /// Why the body cannot be read; nil when it can.
    var refusal: Refusal? {
        if isChunkedAlone { return nil }
        guard isWellFormed, isLastChunked, chunkedCount == 1 else {
            return Refusal(
                .badRequest,
                "the length of the body is unknown: the last transfer coding must be "
                    + "'chunked', once")
        }
        return Refusal(.notImplemented, "the only transfer coding that is supported is 'chunked'")
    }
}
