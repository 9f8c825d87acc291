// What a member's part in its cluster is made of: the port, its identity, which peers it believes, and where it finds
// the others.

package import Libevent
package import Replication
package import TLS
import Time

/// How a member replicates.
package struct ReplicationConfiguration: Sendable {
    /// The port that peers connect to; its one descriptor is owned by the service from its start on.
    package var port: ListeningPort
    /// The numeric address that it is bound to.
    package var listenAddress: String
    /// The identity of this member, and its bounds.
    package var node: NodeConfiguration
    /// The secret that all members share: the first is proven, each is accepted. None: everybody is believed.
    package var secrets: [[UInt8]]
    /// TLS on the port, both ways, each side with a certificate; nil is plain.
    package var tls: PeerTLSConfiguration?
    /// A name that the certificate of every member carries. Nil: each carries its member's own address or name.
    package var certificateName: String?
    /// What serves and reads legacy peers; nil when none are let in.
    package var legacy: LegacyProtocolMaker?
    /// How long something may be amiss before /uptime shows it.
    package var grace: Duration
    /// The directory in which members announce themselves, if there is one, and the names that stand for members.
    package var directory: String?
    package var names: [PeerName]

    package init(
        port: ListeningPort, listenAddress: String, node: NodeConfiguration, secrets: [[UInt8]] = [],
        tls: PeerTLSConfiguration? = nil,
        certificateName: String? = nil,
        legacy: LegacyProtocolMaker? = nil, grace: Duration = .seconds(30), directory: String? = nil,
        names: [PeerName] = []
    ) {
        self.port = port
        self.listenAddress = listenAddress
        self.node = node
        self.secrets = secrets
        self.tls = tls
        self.certificateName = certificateName
        self.legacy = legacy
        self.grace = grace
        self.directory = directory
        self.names = names
    }
}
