// Changes that legacy peers took bear an origin too, under which the node relays them; they have no `MemberID` of their
// own.

package import Catalog

extension MemberID {
    /// The origin of changes that the legacy peer at this address took: the same on every member of ours, and in every
    /// run. Its top bit is set, which this registry keeps clear, so that the two are distinct.
    package init(original address: PeerAddress) {
        self.init(bits: StableHash.of(address.description.utf8) | 1 << 63)
    }
}
