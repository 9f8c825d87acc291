// What a stream is used for. Each begins with one exchange of HTTP and is then a replication link, or one with a legacy
// peer.

import Libevent
import Replication

/// The use of one stream.
struct Occupant {
    enum Use {
        /// Accepted: what it wants is being read.
        case asking(UpgradeRequestReader)
        /// Dialed: connecting, or its answer is being read.
        case dialing(PeerAddress, Purpose, UpgradeAnswerReader)
        /// Frames, which the node understands.
        case frames
        /// The original's streams; of a dialed one, its target.
        case original(PeerAddress?)
    }

    /// What a dialed stream is for.
    enum Purpose {
        /// Frames or, with a legacy peer, its changes.
        case changes
        /// The copy of a legacy peer.
        case copy
    }

    var use: Use
    /// The other end's numeric address.
    var host: String
    /// Whether it has no TLS.
    var isPlain: Bool
    /// What its certificate binds it to; nil without TLS, or when it may be any member.
    var boundTo: Set<String>?
}

extension StreamID {
    var link: LinkID { LinkID(number: number) }

    init(_ link: LinkID) { self.init(number: link.number) }
}
