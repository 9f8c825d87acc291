// Arrays reserve more memory than their elements need. Bytes that are kept for long, or in great number, must take no
// more memory than they are counted for.

extension [UInt8] {
    /// A copy without spare capacity. (`Array` of a slice of all elements shares the memory of the original instead.)
    @inlinable
    public func fitted() -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        copy += self
        return copy
    }
}
