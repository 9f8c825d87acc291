// Why bytes are no frame. Every way in which a peer can break the protocol has a case, so that a log says what a
// strange peer did.

/// What is wrong with bytes that should have been a frame.
package enum FrameError: Error, Sendable, Equatable {
    /// A frame longer than it may be, by its own count.
    case tooLong(Int)
    /// A frame that ends before what it promises, or has a count that cannot be true.
    case truncated
    /// A frame of no bytes, which has not even a type.
    case empty
    /// Text that is not UTF-8 or longer than it may be.
    case text
    /// A number that stands for nothing.
    case value
    /// A frame without the authentication code of this link's other end, or not the next one of it.
    case seal
    /// A frame that does not belong here, such as one before the proof that comes after it.
    case unexpected
    /// A change from the future: stamped so many milliseconds ahead of our clock, further than any clock can be wrong.
    case future(milliseconds: Int64)
}
