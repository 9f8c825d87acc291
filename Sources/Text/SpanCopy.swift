// Array has no append for spans yet. The pointer lives for one copy, here and nowhere else.

extension [UInt8] {
    /// Appends all bytes of a span in one copy.
    @inlinable @inline(__always)
    public mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }
}
