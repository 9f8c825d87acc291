// How large the parts of a state may be. Every member holds its own clients to less, so what is longer comes from nobody who means well, and would
// be kept for as long as a tombstone.

/// What the parts of a state may have in a frame, texts in bytes: as much as any border of a member lets in, the REST API's or that of the original's
/// messages.
enum StateLimits {
    /// Milliseconds. As settings and originals count it, in nanoseconds, it fits in a word; whoever adds to it need not fear an overflow.
    static let ttls: ClosedRange<Int64> = 1...(.max / 1_000_000)
    /// What fits into the head of a request.
    static let namespace = 16_384
    /// What fits into the target of a request.
    static let id = 4_096
    static let serviceName = OriginalInstance.nameLimit
    static let endpoint = OriginalInstance.endpointLimit
    static let status = OriginalInstance.statusLimit
    /// Of all tags together, and one more for each.
    static let tags = 65_536
    static let metadata = OriginalInstance.metadataLimit
    static let extra = OriginalInstance.extensionLimit
    /// Of all fields together that a newer release says of an instance.
    static let further = 65_536
}
