// A tombstone keeps a deregistration from being undone by whoever has not heard of it. None can be kept for ever: this file says how long, and
// how many.

/// How long and how many deregistrations are remembered.
public struct TombstoneLimits: Sendable, Equatable {
    /// Milliseconds of lease time, above 0: longer than any lease and than the longest absence of a member that is to be healed without a copy.
    public let retention: Int64
    /// How many a shard keeps, above 0; beyond that the oldest are forgotten first. Each costs about a hundred bytes.
    public let countPerShard: Int

    public init(retention: Int64, countPerShard: Int) {
        self.retention = retention
        self.countPerShard = countPerShard
    }

    /// A day, and a hundred thousand a shard: one deregistration a second in one namespace, all day.
    public static let standard = TombstoneLimits(retention: 24 * 60 * 60 * 1_000, countPerShard: 100_000)
}
