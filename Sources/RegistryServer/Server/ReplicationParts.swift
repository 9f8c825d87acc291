// From settings to this member's part in a cluster.

import Catalog
import Configuration
import LegacyPeers
import Libevent
import Logging
import Replication
import ReplicationServer
import System
import TLS
import Text

enum ReplicationParts {
    /// Opens the peers' port and prepares replication; nil when this registry is alone.
    ///
    /// - Parameters:
    ///   - isSizeGiven: whether the operator has said how many members there should be.
    ///   - now: seconds since 1970.
    static func service(_ settings: Settings, isSizeGiven: Bool, now: Int64, _ logger: Logger) throws
        -> ReplicationService?
    {
        guard settings.replication, case .number(let number) = settings.replicationPort else { return nil }
        let port = try ListeningPort(address: settings.listenAddress, port: number, count: 1)
        let name = name(settings) ?? ""
        var node = NodeConfiguration(
            // The top bit is for legacy peers.
            member: MemberID(bits: .random(in: 1 ... .max >> 1)),
            name: String(name.prefix(Settings.Limits.memberNameBytes)),
            address: address(settings, port: port.port))
        node.clusterSize = isSizeGiven ? settings.clusterSize : nil
        node.syncTimeout = settings.syncTimeout.interval
        node.usesDirectory = settings.clusterDirectory != nil
        node.limits.queueBytes = settings.replicationQueueBytes
        node.limits.queueChanges = settings.replicationQueueChanges
        node.holdsWhenCutOff = settings.onIsolation == .hold
        node.limits.expiryHold = settings.expiryHold.interval
        node.limits.acknowledges = settings.acknowledge == .all
        node.limits.acknowledgeTimeout = settings.acknowledgeTimeout.interval
        node.limits.longestLease = settings.maxTTL.interval
        return try ReplicationService(
            ReplicationConfiguration(
                port: port, listenAddress: settings.listenAddress, node: node,
                secrets: settings.clusterSecret?.all ?? [],
                tls: settings.replicationSecurity, certificateName: settings.replicationTLSName,
                // The one line in which legacy peers are known.
                legacy: settings.allowsOriginals ? OriginalProtocol.make : nil,
                grace: settings.syncTimeout.interval, directory: settings.clusterDirectory,
                names: settings.clusterPeers + (settings.clusterDNS.map { [$0] } ?? [])),
            now: now, logger: logger)
    }

    /// What this member is called, in the log and by the others; nil when this registry is alone and was given no name.
    static func name(_ settings: Settings) -> String? {
        settings.memberName ?? (settings.replication ? HostName.current() : nil)
    }

    /// Where the others reach this member: as the operator says, else where it listens, else at the machine's first
    /// address.
    private static func address(_ settings: Settings, port: UInt16) -> PeerAddress {
        if let given = settings.advertiseAddress { return PeerAddress(host: given.host, port: given.port ?? port) }
        guard let listens = IPAddress(settings.listenAddress), !listens.isUnspecified else {
            return PeerAddress(host: LocalAddresses.advertised(), port: port)
        }
        return PeerAddress(host: listens, port: port)
    }

    static func tombstones(_ settings: Settings) -> TombstoneLimits {
        TombstoneLimits(retention: settings.tombstoneTime.wholeMilliseconds, bytes: settings.tombstoneBytes)
    }
}
