// How large the parts of a state may be. Every member holds its own clients to less, so what is longer comes from nobody who means well, and would
// be kept for as long as a tombstone.

/// What the parts of an encoded state may have, texts in bytes: as much as any API or source of this registry lets in.
public enum StateLimits {
    /// Milliseconds. As settings and originals count it, in nanoseconds, it fits in a word; whoever adds to it need not fear an overflow.
    public static let ttls: ClosedRange<Int64> = 1...(.max / 1_000_000)
    /// What fits into the head of a request.
    public static let namespace = 16_384
    /// What fits into the target of a request.
    public static let id = 4_096
    public static let serviceName = 512
    public static let endpoint = 2_048
    public static let status = 64
    /// Of all tags together, and one more for each.
    public static let tags = 65_536
    public static let metadata = 65_536
    public static let extra = 131_072
    /// Of all fields together that a newer release says of an instance.
    public static let further = 65_536
}
