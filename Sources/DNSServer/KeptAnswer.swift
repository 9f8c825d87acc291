// What is answered to one name, kept for as long as nothing has changed that it was made of: the services that the name
// was tried as, and, where the list of all names was looked at, the namespace.

import Catalog
import DNS
import RegistryCore
import Time

/// The answers to one name, on one loop.
final class KeptAnswer {
    /// Beyond it, an answer that is a little old is given again instead of being made anew with every change.
    private static let manyTargets = 1_024
    private static let pause: Duration = .milliseconds(100)

    /// In lower case, in wire format.
    let name: [UInt8]
    let shown: ShownNamespace
    let service: Name
    let reading: ServiceReading
    let material: AnswerMaterial
    private let targets: Int
    /// Of the service when it was listed.
    private let listed: Revision
    private var asked: [(name: Name, revision: Revision)]
    private var namespaceRevision: Revision?
    /// When the first lease in it runs out.
    private let liveUntil: LeaseTime
    private let made: MonotonicTime
    /// One for each type that has several records.
    private var rotations = (0, 0, 0)

    init(
        _ name: [UInt8], _ shown: ShownNamespace, _ service: Name, _ reading: ServiceReading, _ view: NamespaceView,
        _ material: AnswerMaterial, targets: Int, _ listing: ServiceListing, at made: MonotonicTime
    ) {
        (self.name, self.shown, self.service, self.reading) = (name, shown, service, reading)
        (self.material, self.targets, self.made) = (material, targets, made)
        (listed, liveUntil) = (listing.revision, listing.liveUntil)
        // As it was when it was listed, which may be later than when it was asked for.
        asked = view.asked.map { $0.name == service ? ($0.name, listing.revision) : $0 }
        namespaceRevision = view.revision
    }

    /// Whether there is nothing in it, which a member that is behind must not say.
    var isEmpty: Bool { targets == 0 }

    /// Whether it can be given now.
    func isGood(_ lookup: Lookup, at now: LeaseTime, monotonic: MonotonicTime) -> Bool {
        if now < liveUntil, isUnchanged(lookup) { return true }
        return targets > Self.manyTargets && monotonic - made < Self.pause
    }

    private func isUnchanged(_ lookup: Lookup) -> Bool {
        if let namespaceRevision, lookup.revision(of: shown.namespace) != namespaceRevision { return false }
        for (name, revision) in asked where lookup.revision(of: name, in: shown.namespace) != revision { return false }
        return true
    }

    /// Takes it for the answer again, if the name means the same and the service has not changed.
    func isRenewed(by view: NamespaceView, _ service: Name, _ reading: ServiceReading, at now: LeaseTime) -> Bool {
        guard self.service == service, self.reading == reading, now < liveUntil,
            view.asked.contains(where: { $0.name == service && $0.revision == listed })
        else { return false }
        (asked, namespaceRevision) = (view.asked, view.revision)
        return true
    }

    /// Which record comes first this time.
    func nextRotation(_ type: UInt16) -> Int {
        switch type {
        case RecordType.srv:
            rotations.0 = (rotations.0 + 1) & 0xFFFF
            return rotations.0
        case RecordType.a:
            rotations.1 = (rotations.1 + 1) & 0xFFFF
            return rotations.1
        default:
            rotations.2 = (rotations.2 + 1) & 0xFFFF
            return rotations.2
        }
    }
}
