// A tombstone keeps a deregistration from being undone by a member that has not received it. None can be kept for ever:
// this file says how long, and how many.

/// How long and how many deregistrations are remembered.
package struct TombstoneLimits: Sendable, Equatable {
    /// Milliseconds of lease time, above 0: longer than any lease and than the longest absence of a member that is to
    /// be healed without a copy.
    package let retention: Int64
    /// Bytes that those of all namespaces may take together, above 0, each about a hundred (`Store.trimTombstones`).
    package let bytes: Int
    /// The part of it, one in this many, that those of one namespace may take: beyond it the namespace's oldest are
    /// forgotten.
    package static let namespaces = 16

    var bytesPerNamespace: Int { bytes / Self.namespaces }

    package init(retention: Int64, bytes: Int) {
        self.retention = retention
        self.bytes = bytes
    }

    /// A day, and 256 MiB: two deregistrations a second in one namespace, all day.
    package static let standard = TombstoneLimits(retention: 24 * 60 * 60 * 1_000, bytes: 256 << 20)
}
