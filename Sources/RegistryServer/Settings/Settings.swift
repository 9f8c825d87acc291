// What the server was told to do, as typed values. The names, defaults and sentences are in SettingRows.swift; how flags and
// environment become these values is in SettingResolution.swift. Nothing here reads anything.

import Catalog
import Replication
import TLS
import Telemetry

/// The effective settings of one process. A value: resolved once at start, then only read, from any thread.
public struct Settings: Sendable, Equatable {
    // The initial values below are blanks that no one sees: `defaults` and `resolve` fill every field from the rows.

    /// The file of settings; nil is none.
    public var configurationFile: String?
    public var apiPort = Port.off
    /// Opened only with a certificate: see `tls`.
    public var httpsPort = Port.off
    /// A numeric IPv4 or IPv6 address, without brackets.
    public var listenAddress = ""
    /// Event loop threads, 1…256; nil is one per core.
    public var loops: Int?
    /// Where to write the ports taken; nil is nowhere.
    public var portFile: String?

    /// Invariant: present when `tlsKey` is, and when clients are to be authenticated.
    public var tlsCertificate: String?
    /// Invariant: present when `tlsCertificate` is.
    public var tlsKey: String?
    /// Invariant: present when clients are to be authenticated.
    public var tlsClientCA: String?
    public var tlsClientAuthentication = TLSConfiguration.ClientAuthentication.none
    public var tlsClientCRL: String?
    /// Nil: whoever connects is believed.
    public var trustedProxies: AddressRanges?
    /// Invariant: `.xForwarded` where no proxy is named.
    public var forwarded = ForwardedFamily.xForwarded
    /// Nil: no page of another origin may read anything.
    public var corsOrigins: CORSOrigins?

    /// How long the registry serves on after it was told to stop.
    public var drainTime = GoDuration.zero

    public var logLevel = LogLevel.debug
    public var logFormat = LogFormat.text
    public var accessLog = AccessLogMode.all
    public var accessLogProbes = false
    public var eventLog = EventLogMode.local
    /// Bytes.
    public var changeLog = 0

    /// Instances per namespace; nil is no limit.
    public var namespaceCapacity: Int?
    /// Invariant: `minTTL` ≤ `defaultTTL` ≤ `maxTTL`, and `minTTL` > 0.
    public var defaultTTL = GoDuration.zero
    public var minTTL = GoDuration.zero
    public var maxTTL = GoDuration.zero

    /// Tags of an instance that a client registers, and their bytes together.
    public var maxTags = 0
    public var maxTagsBytes = 0

    /// The schemes to ask, in this order, without duplicates; empty means that nobody is asked for a credential.
    public var authMode: [AuthScheme] = []
    /// Invariant: present when `authMode` contains `.jwt`.
    public var jwtSecret: Secret?
    public var requireHTTPS = false

    /// Connections of all listeners together, as many as the limit on open files allows.
    public var maxConnections = 1
    /// Connections of one client; nil is no limit.
    public var maxConnectionsPerClient: Int?
    public var headerTimeout = GoDuration.zero
    public var requestTimeout = GoDuration.zero
    public var idleTimeout = GoDuration.zero
    public var answerTimeout = GoDuration.zero
    /// Bytes.
    public var maxBufferedInput = 0
    public var maxBufferedOutput = 0
    public var maxBufferedTotal = 0

    /// Bytes, of all loops together.
    public var renderedCache = 0
    /// Bytes of lists that are being made, of all namespaces together and of one. Invariant: the latter is at most the former.
    public var renderBytes = 0
    public var renderBytesNamespace = 0

    /// Requests a second; nil is no limit.
    public var rateLimitNamespace: Int?
    public var rateLimitClient: Int?
    /// Heartbeats a second; nil is no limit.
    public var rateLimitNamespaceHeartbeats: Int?
    public var rateLimitClientHeartbeats: Int?
    public var rateLimitBurst = GoDuration.zero

    public var clusterSize = 1
    /// Whether `/readyz` also asks for `clusterSize` members. Requests are served without them.
    public var clusterSizeRequired = false
    public var onIsolation = Isolation.hold
    public var expiryHold = GoDuration.zero
    /// The shared directory of members; nil is none.
    public var clusterDirectory: String?
    public var clusterPeers: [PeerName] = []
    /// A name whose addresses are the members.
    public var clusterDNS: PeerName?
    /// Nil: `listenAddress` when it is one address, else the machine's first.
    public var advertiseAddress: AdvertisedAddress?
    /// Nil: the machine's host name.
    public var memberName: String?
    public var clusterSecret: Secret?
    public var replication = false
    public var replicationPort = Port.off
    public var replicationTLS = false
    /// Invariant: all three are present when `replicationTLS` is.
    public var replicationTLSCertificate: String?
    public var replicationTLSKey: String?
    public var replicationTLSCA: String?
    /// Nil: each member's certificate carries that member's own address or name.
    public var replicationTLSName: String?
    public var replicationPlain = false
    /// Bytes, and changes, that may wait for one peer.
    public var replicationQueueBytes = 0
    public var replicationQueueChanges = 0
    public var tombstoneTime = GoDuration.zero
    public var tombstoneBytes = 0
    public var syncTimeout = GoDuration.zero
    public var acknowledge = Acknowledge.all
    public var acknowledgeTimeout = GoDuration.zero

    private init() {}

    /// Every setting at its default, as after a start without flags and environment.
    public static let defaults: Settings = {
        var settings = Settings()
        for row in rows { row.applyDefault(to: &settings) }
        return settings
    }()
}

extension Settings {
    /// Where a listener binds.
    public enum Port: Sendable, Equatable {
        /// 0: the system chooses a free one.
        case number(UInt16)
        /// No listener.
        case off
    }

    /// What the TLS port is made of; nil when there is none.
    public var tls: TLSConfiguration? {
        guard httpsPort != .off, let tlsCertificate, let tlsKey else { return nil }
        return TLSConfiguration(
            certificatePath: tlsCertificate, keyPath: tlsKey, clientCAPath: tlsClientCA, clientCRLPath: tlsClientCRL,
            clientAuthentication: tlsClientAuthentication)
    }

    /// What the peers' port has for TLS; nil when it is plain.
    public var replicationSecurity: PeerTLSConfiguration? {
        guard replicationTLS, let replicationTLSCertificate, let replicationTLSKey, let replicationTLSCA else { return nil }
        return PeerTLSConfiguration(
            certificatePath: replicationTLSCertificate, keyPath: replicationTLSKey, authorityPath: replicationTLSCA)
    }

    /// How much is kept of what happened since the start, in microseconds since 1970.
    public func changeLogLimits(start: Int64 = 0) -> ChangeLogLimits {
        ChangeLogLimits(bytes: changeLog, isFollowed: eventLog != .off, start: start)
    }

    /// Whether members that run the original are served and read: where nobody has to prove anything, or by the operator's wish.
    public var allowsOriginals: Bool { replicationPlain || (clusterSecret == nil && !replicationTLS) }

    /// What a member does with leases last renewed elsewhere when it hears too few of the others.
    public enum Isolation: String, Sendable, CaseIterable {
        /// Keeps them, marked as overdue.
        case hold
        /// Lets them run out.
        case expire
    }

    /// When a change is acknowledged to its client. The raw value is the word in `acknowledge`.
    public enum Acknowledge: String, Sendable, CaseIterable {
        /// When every member that is linked and keeps up has it.
        case all
        /// When this member has it.
        case local
    }

    /// One way to recognise a caller. The raw value is the word in `auth_mode`.
    public enum AuthScheme: String, Sendable, CaseIterable {
        /// The token is the namespace.
        case trusted
        /// The token is a signed JWT that carries the namespace.
        case jwt
        /// The client's certificate carries the namespace.
        case mtls
    }

    /// The bounds of the settings; what lies outside is refused at start.
    public enum Limits {
        public static let loops = 1...256
        /// Far above what memory holds; it only catches slips of the keyboard.
        public static let namespaceCapacity = 0...1_000_000_000
        /// No more fit into the body of a registration.
        public static let tags = 0...65_536
        public static let tagsBytes = 0...65_536
        /// The kernel's own bound on open files (`fs.nr_open`) is 1,048,576 unless raised.
        public static let connections = 1...1_000_000
        /// Under a second, a sound client on a slow day is late; over half a day, evhttp's own timeout, a day, comes near.
        public static let deadline = GoDuration.seconds(1)...GoDuration.seconds(43_200)
        /// At least the largest legal request, or it would never be read whole (`BorderRules.leastInput`).
        public static let bufferedInput = 98_304...16_777_216
        public static let bufferedOutput = 65_536...1_073_741_824
        public static let bufferedTotal = 1_048_576...1_099_511_627_776
        public static let changeLog = 0...1_099_511_627_776
        public static let renderedCache = 0...1_099_511_627_776
        /// At least what is made on a loop anyway.
        public static let renderBytes = 2_097_152...1_099_511_627_776
        /// At a million a second a token is worth a microsecond.
        public static let rate = 1...1_000_000
        public static let burst = GoDuration.seconds(1)...GoDuration.seconds(3_600)
        /// Whoever wants longer wants another tool.
        public static let drainTime = GoDuration.zero...GoDuration.seconds(3_600)
        public static let clusterSize = 1...1_000
        /// Under a second nothing is gained; over a day the list is a memory.
        public static let expiryHold = GoDuration.seconds(1)...GoDuration.seconds(86_400)
        /// At least what one frame may have; at most what a machine may have to spare for each of several peers.
        public static let replicationQueueBytes = 1_048_576...1_073_741_824
        public static let replicationQueueChanges = 1_000...10_000_000
        /// At least the longest of the usual leases; a month of a busy cluster's deregistrations is more than memory should hold.
        public static let tombstoneTime = GoDuration.seconds(600)...GoDuration.seconds(2_592_000)
        /// At least some 650 of one namespace.
        public static let tombstoneBytes = 1_048_576...1_099_511_627_776
        /// A name that a certificate can carry is no longer.
        public static let memberNameBytes = 255
        /// The upper bound is the largest TTL that an instance can state: 2^32-1 seconds.
        public static let ttl = GoDuration.milliseconds(1)...GoDuration.seconds(UInt32.max)
        /// A member that looks for a peer is not ready, so an endless search is never wanted.
        /// Under ten milliseconds a busy member is taken for a dead one; over a few seconds, clients give up before.
        public static let acknowledgeTimeout = GoDuration.milliseconds(10)...GoDuration.seconds(5)
        public static let syncTimeout = GoDuration.zero...GoDuration.seconds(3_600)
        /// Under this, an HS256 secret is the weakest part (RFC 7518, section 3.2).
        public static let soundSecretBytes = 32
        /// 128 bits, if they are random: a shorter one may be guessed by whoever has recorded a proof.
        public static let soundClusterSecretBytes = 16
        /// The largest secret file read; anything larger is surely the wrong file.
        public static let secretFileBytes = 65_536
    }
}
