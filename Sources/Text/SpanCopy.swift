// Neither an array nor an output span has an append for spans yet. The pointers live for one copy, here and nowhere
// else.

extension [UInt8] {
    /// Appends all bytes of a span in one copy.
    @inlinable @inline(__always)
    public mutating func append(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}

extension [UInt8] {
    /// Puts the bytes of a span in place of as many from `offset` on.
    @inlinable @inline(__always)
    public mutating func replace(from offset: Int, with bytes: Span<UInt8>) {
        precondition(offset >= 0 && offset <= count - bytes.count, "the bytes lie within")
        unsafe bytes.withUnsafeBytes { source in
            unsafe withUnsafeMutableBytes {
                unsafe UnsafeMutableRawBufferPointer(rebasing: $0[offset...]).copyMemory(from: source)
            }
        }
    }
}

extension OutputSpan<UInt8> {
    /// Appends all bytes of a span in one copy. There must be room for them.
    @inlinable @inline(__always)
    public mutating func append(_ bytes: Span<UInt8>) {
        precondition(bytes.count <= freeCapacity, "there is room for the bytes")
        unsafe bytes.withUnsafeBytes { source in
            unsafe withUnsafeMutableBufferPointer { output, count in
                let rest = unsafe UnsafeMutableRawBufferPointer(output)[count...]
                unsafe UnsafeMutableRawBufferPointer(rebasing: rest).copyMemory(from: source)
                count += source.count
            }
        }
    }
}
