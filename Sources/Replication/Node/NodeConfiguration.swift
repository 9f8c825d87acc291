// What a node is told of itself and its cluster.

package import Catalog

/// A member of the cluster, as it presents itself.
package struct NodeConfiguration: Sendable {
    package var member: MemberID
    /// The name of the member in addition to its address, such as its host name; at most 255 bytes of UTF-8. A
    /// certificate may be bound to it.
    package var name: String
    /// Where the others reach this member.
    package var address: PeerAddress
    /// How many members there should be, this one included; nil when it is not set.
    package var clusterSize: Int?
    /// For how many milliseconds nobody must have answered until a member becomes ready without a copy.
    package var syncTimeout: Duration
    /// Whether leases last renewed elsewhere are held while this member hears too few of the others.
    package var holdsWhenCutOff = true
    /// Whether the store has leases at the start that began anew with it (`Store.restore`).
    package var isRestored = false
    /// Whether `Directive.offerToOriginals` is wanted.
    package var offersOriginals: Bool
    /// The versions of the protocol that are spoken: only for tests other than those that this code speaks.
    var versions = FrameCodec.versions
    /// Whether members announce themselves in a shared directory.
    package var usesDirectory = false
    package var limits: NodeLimits

    package init(
        member: MemberID, name: String, address: PeerAddress, clusterSize: Int? = nil,
        syncTimeout: Duration = .milliseconds(30_000),
        offersOriginals: Bool = false, limits: NodeLimits = NodeLimits()
    ) {
        self.member = member
        self.name = name
        self.address = address
        self.clusterSize = clusterSize
        self.syncTimeout = syncTimeout
        self.offersOriginals = offersOriginals
        self.limits = limits
    }
}
