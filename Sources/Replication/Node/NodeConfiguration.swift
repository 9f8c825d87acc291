// What a node is told of itself and its cluster.

import Catalog

/// A member of the cluster, as it presents itself.
public struct NodeConfiguration: Sendable {
    public var member: MemberID
    /// The name of the member in addition to its address, such as its host name; at most 255 bytes of UTF-8. A
    /// certificate may be bound to it.
    public var name: String
    /// Where the others reach this member.
    public var address: PeerAddress
    /// How many members there should be, this one included; nil when it is not set.
    public var clusterSize: Int?
    /// For how many milliseconds nobody must have answered until a member becomes ready without a copy.
    public var syncTimeout: Duration
    /// Whether leases last renewed elsewhere are held while this member hears too few of the others.
    public var holdsWhenCutOff = true
    /// Whether `Directive.offerToOriginals` is wanted.
    public var offersOriginals: Bool
    /// The versions of the protocol that are spoken: only for tests other than those that this code speaks.
    var versions = FrameCodec.versions
    /// Whether members announce themselves in a shared directory.
    public var usesDirectory = false
    public var limits: NodeLimits

    public init(
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
