// An answer that is held until something changes, as every protocol holds it: a long poll of the REST API, a blocking
// query of Consul's, a stream. It counts against MAX_WATCHES for as long as it is there, and ends, unchanged, with the
// time that its client waits, with its credential, with its client's sending and with the server.

import Authorization
package import Catalog
import RegistryCore
package import Time

/// One of the answers that are held. Whoever holds the answer keeps it, in the closures that go on with the call; with
/// the last of them its place is free again.
package final class Watch: Sendable {
    /// When it is answered though nothing has changed.
    package let end: MonotonicTime
    private let count: WatchCount
    /// Where it counts against its namespace's quota; nil where there was none when it began.
    private let quota: (board: QuotaBoard, namespace: Namespace)?

    /// Throws when there are as many as may be.
    init(until end: MonotonicTime, in count: WatchCount, of namespace: Namespace?, _ quotas: QuotaBoard)
        throws(Refused)
    {
        guard count.enter() else { throw .tooManyWatches }
        self.end = end
        self.count = count
        guard let namespace, quotas.isOn else {
            quota = nil
            return
        }
        if let use = quotas.enterWatch(namespace) {
            // Nothing is freed of what was not made.
            count.leave()
            throw .tooManyWatchesOfNamespace(use)
        }
        quota = (quotas, namespace)
    }

    deinit {
        count.leave()
        if let quota { quota.board.leaveWatch(quota.namespace) }
    }

    /// Holds the answer until there is another state than the one that is known, or until the end.
    ///
    /// - Parameter answer: gives the answer, or holds on. After `.over` it gives it in any case.
    package func hold(
        _ change: ChangeWatch,
        _ answer: @escaping (_ call: borrowing Call, _ news: WatchNews) throws(Refused) -> Reply
    ) -> Reply {
        .later(
            Waiting(for: .change(change, until: end)) { [self] (call, wake) throws(Refused) in
                try withExtendedLifetime(self) { () throws(Refused) in
                    try answer(call, wake == .come ? .changed : .over)
                }
            })
    }
}

/// Why a held answer goes on.
package enum WatchNews: Sendable, Equatable {
    /// There is another state.
    case changed
    /// The end has come: of the wait, of the credential, of the client's sending, or of the server.
    case over
}

extension Call {
    /// Begins to hold the answer, for so long and a little at random (W105), but not longer than the credential is good.
    /// Refuses when there are as many held as may be.
    package borrowing func watch(for wait: Duration) throws(Refused) -> Watch {
        var random = SpreadNumbers(seed: UInt64(bitPattern: monotonic.nanoseconds))
        return try watch(until: monotonic + WatchWait.spread(wait, using: &random))
    }

    /// The same without a wait of the client's.
    package borrowing func watch(until end: MonotonicTime) throws(Refused) -> Watch {
        // An operator's waiting is no tenant's use.
        let namespace = isByOperator ? nil : namespace
        return try Watch(until: min(end, credentialEnd), in: context.watches, of: namespace, registry.quotas)
    }

    /// When the credential is good no more.
    private var credentialEnd: MonotonicTime {
        guard let expires = principal?.expires else { return .distantFuture }
        let (end, overflow) = expires.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .distantFuture : monotonic.adding(nanoseconds: max(0, end.subtractingSaturated(moment.wall)))
    }

    /// A namespace, or one of its services, as it is now, to be watched from this state on.
    package borrowing func state(of service: Name? = nil, in namespace: Namespace) -> ChangeWatch {
        let lookup = registry.lookup
        return ChangeWatch(
            namespace: namespace, service: service,
            revision: service.map { lookup.revision(of: $0, in: namespace) } ?? lookup.revision(of: namespace))
    }
}
