// Arrays grow ahead of what is in them. What is kept for long, or in great number, should take no more room than it is counted for.

extension [UInt8] {
    /// A copy that has room for nothing more. (`Array` of a slice of all shares the room of the whole instead.)
    @inlinable
    public func fitted() -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(count)
        copy += self
        return copy
    }
}
