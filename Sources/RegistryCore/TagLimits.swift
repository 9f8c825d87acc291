// How many tags an instance may be registered with. Every list carries all of them, so they are bounded apart from the
// body. The limits may change while the registry runs, so each registration looks them up: two atomic loads, and no
// lock.

package import Configuration
import Synchronization

/// How many tags an instance may have, and how many bytes of UTF-8 together (R280).
package struct TagLimits: Sendable, Equatable {
    package let count: Int
    package let bytes: Int

    package init(count: Int, bytes: Int) {
        self.count = count
        self.bytes = bytes
    }

    package init(_ settings: Settings) { self.init(count: settings.maxTags, bytes: settings.maxTagsBytes) }

    package static let standard = TagLimits(.defaults)
}

/// The limits in force. Safe to use from any thread.
package final class TagRule: Sendable {
    private let count: Atomic<Int>
    private let bytes: Atomic<Int>

    package init(_ settings: Settings) {
        count = Atomic(settings.maxTags)
        bytes = Atomic(settings.maxTagsBytes)
    }

    /// What is registered from now on is held to these; what is there stays.
    package func change(_ settings: Settings) {
        count.store(settings.maxTags, ordering: .relaxed)
        bytes.store(settings.maxTagsBytes, ordering: .relaxed)
    }

    package var limits: TagLimits {
        TagLimits(count: count.load(ordering: .relaxed), bytes: bytes.load(ordering: .relaxed))
    }
}
