// What a store's wake callback may touch from any thread.

import Synchronization

/// Raised by whoever has news, lowered by who has heard.
final class Flag: Sendable {
    private let isRaised = Atomic<Bool>(false)

    func raise() { isRaised.store(true, ordering: .releasing) }

    /// Whether it was raised.
    func lower() -> Bool { isRaised.exchange(false, ordering: .acquiringAndReleasing) }
}
