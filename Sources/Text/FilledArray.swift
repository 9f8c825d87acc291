// An array of bytes that is written once. The standard library's own initializer for that, `init(capacity:)`, is not
// compiled for bytes: it looks the type up at run time, which takes several times as long as the allocation.

extension [UInt8] {
    /// What `body` appends, of which there is room for `room` bytes.
    @inlinable @inline(__always)
    public init(room: Int, _ body: (inout OutputSpan<UInt8>) -> Void) {
        self = []
        append(addingCapacity: room, initializingWith: body)
    }
}
