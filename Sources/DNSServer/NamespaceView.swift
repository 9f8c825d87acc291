// What a namespace has, as the choice of a service needs it. It notes what it was asked for, so that an answer can be
// kept for as long as that stays as it is.

import Catalog
import DNS
import RegistryCore
import Time

/// The names of a namespace that questions in lower case may mean, kept for a loop.
struct KeptNames {
    /// Services of a namespace whose names are known by more than a look-up of one. Looking through more would hold the
    /// loop.
    static let most = 16_384
    /// How many times as long as the list took to make it is kept, though services may have come or gone.
    private static let pause: Int64 = 50

    private(set) var names: FoldedNames?
    private(set) var revision: Revision?
    private var goodUntil = MonotonicTime.distantPast

    /// Makes the list anew, if there is another and the last one has been kept for long enough.
    mutating func renew(_ lookup: Lookup, _ namespace: Namespace, at now: LeaseTime, clock: () -> MonotonicTime) {
        let current = lookup.revision(of: namespace)
        guard revision != current else { return }
        let start = clock()
        guard start >= goodUntil else { return }
        let listing = lookup.services(in: namespace, at: now, atMost: Self.most)
        names = listing.map { FoldedNames($0.services.map(\.name)) }
        revision = current
        let end = clock()
        goodUntil = end.adding(nanoseconds: Self.pause * max(0, end.nanoseconds(since: start)))
    }
}

/// A namespace at one moment.
final class NamespaceView: ServiceView {
    private let lookup: Lookup
    private let namespace: Namespace
    private let now: LeaseTime
    private let kept: () -> KeptNames
    /// The services that were asked for, each as it was then.
    private(set) var asked: [(name: Name, revision: Revision)] = []
    /// Of the list of names, if it was asked for.
    private(set) var revision: Revision?

    init(_ lookup: Lookup, _ namespace: Namespace, at now: LeaseTime, _ kept: @escaping () -> KeptNames) {
        (self.lookup, self.namespace, self.now, self.kept) = (lookup, namespace, now, kept)
    }

    func exists(_ service: Name) -> Bool {
        if !asked.contains(where: { $0.name == service }) {
            asked.append((service, lookup.revision(of: service, in: namespace)))
        }
        return lookup.hasService(service, in: namespace, at: now)
    }

    var names: FoldedNames? {
        let kept = kept()
        revision = kept.revision
        return kept.names
    }
}
