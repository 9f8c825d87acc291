// How much memory lists may take while they are being made. A tenant's lists are as long as it likes, and may be asked
// for any number of times at once; their size is counted as it grows, for the tenant and for all, and a list that would
// exceed a bound is refused instead.

package import Catalog
import Synchronization

/// The bytes of lists under way. Safe to use from any thread.
package final class RenderAccount: Sendable {
    private struct Sums {
        var total = 0
        /// Invariant: no namespace at 0.
        var namespaces: [Namespace: Int] = [:]
    }

    /// What all lists, and those of one namespace, may take together, in bytes.
    package let most: Int
    let mostOfNamespace: Int
    private let sums = Mutex(Sums())

    init(most: Int, ofNamespace: Int) {
        self.most = most
        mostOfNamespace = ofNamespace
    }

    /// Bytes under way.
    package var total: Int { sums.withLock { $0.total } }

    /// Counts bytes in; false, and counts nothing, when they would exceed a bound.
    package func take(_ count: Int, of namespace: Namespace) -> Bool {
        sums.withLock { sums in
            let held = sums.namespaces[namespace, default: 0]
            guard sums.total + count <= most, held + count <= mostOfNamespace else { return false }
            sums.total += count
            sums.namespaces[namespace] = held + count
            return true
        }
    }

    /// Counts bytes out that were taken.
    func giveBack(_ count: Int, of namespace: Namespace) {
        guard count > 0 else { return }
        sums.withLock { sums in
            sums.total -= count
            let held = sums.namespaces[namespace, default: 0] - count
            sums.namespaces[namespace] = held > 0 ? held : nil
        }
    }
}

/// What one list has taken of an account while it is being made.
final class RenderLoan: Sendable {
    private let account: RenderAccount
    private let namespace: Namespace
    private let held = Atomic<Int>(0)

    init(of account: RenderAccount, for namespace: Namespace) {
        self.account = account
        self.namespace = namespace
    }

    deinit { release() }

    /// Gives everything back.
    func release() { account.giveBack(held.exchange(0, ordering: .relaxed), of: namespace) }

    /// Takes some more bytes; false when that would exceed a bound.
    func take(_ count: Int) -> Bool {
        guard account.take(count, of: namespace) else { return false }
        held.add(count, ordering: .relaxed)
        return true
    }
}
