// How large the parts of a state may be. Every member holds its own clients to less, so a longer one comes from no
// regular member, and would be kept for as long as a tombstone.

/// What the parts of an encoded state may have, texts in bytes: as much as any API or source of this registry lets in.
package enum StateLimits {
    /// Milliseconds. As settings and legacy peers count it, in nanoseconds, it fits in a word; additions to it cannot
    /// overflow.
    package static let ttls: ClosedRange<Int64> = 1...(.max / 1_000_000)
    /// What fits into the head of a request.
    package static let namespace = 16_384
    /// What fits into the target of a request.
    package static let id = 4_096
    package static let serviceName = 512
    package static let endpoint = 2_048
    package static let status = 64
    /// Of all tags together, and one more for each.
    package static let tags = 65_536
    package static let metadata = 65_536
    package static let extra = 131_072
    /// Of all fields together that a newer release says of an instance.
    package static let further = 65_536
}
