// The settings as typed values. The names, defaults and sentences are in SettingRows.swift; how flags and environment
// become these values is in SettingResolution.swift. Nothing here reads anything.

package import Catalog
package import Replication
package import TLS
package import Telemetry

/// The effective settings of one process. A value: resolved once at start, then only read, from any thread.
package struct Settings: Sendable, Equatable {
    // The initial values below are blanks that no one sees: `defaults` and `resolve` fill every field from the rows.

    /// The file of settings; nil is none.
    package var configurationFile: String?
    package var apiPort = Port.off
    /// Opened only with a certificate: see `tls`.
    package var httpsPort = Port.off
    /// A numeric IPv4 or IPv6 address, without brackets.
    package var listenAddress = ""
    /// Event loop threads, 1…256; nil is one per core.
    package var loops: Int?
    /// Where to write the ports taken; nil is nowhere.
    package var portFile: String?

    /// Invariant: present when `tlsKey` is, and when clients are to be authenticated.
    package var tlsCertificate: String?
    /// Invariant: present when `tlsCertificate` is.
    package var tlsKey: String?
    /// Invariant: present when clients are to be authenticated.
    package var tlsClientCA: String?
    package var tlsClientAuthentication = TLSConfiguration.ClientAuthentication.none
    package var tlsClientCRL: String?
    /// Nil: every sender is believed.
    package var trustedProxies: AddressRanges?
    /// Invariant: `.xForwarded` where no proxy is named.
    package var forwarded = ForwardedFamily.xForwarded
    /// Nil: no page of another origin may read anything.
    package var corsOrigins: CORSOrigins?

    /// How long the registry goes on serving after a signal to stop.
    package var drainTime = GoDuration.zero

    package var logLevel = LogLevel.debug
    package var logFormat = LogFormat.text
    package var accessLog = AccessLogMode.all
    package var accessLogProbes = false
    package var eventLog = EventLogMode.local
    /// The file that gets a line for each change by a client or an operator; nil is none.
    package var auditFile: String?
    /// Whether such lines go into the log.
    package var auditLog = false
    /// Whether there are such lines at all.
    package var isAudited: Bool { auditFile != nil || auditLog }
    /// Bytes.
    package var changeLog = 0

    /// Instances per namespace; nil is no limit.
    package var namespaceCapacity: Int?
    /// Invariant: `minTTL` ≤ `defaultTTL` ≤ `maxTTL`, and `minTTL` > 0.
    package var defaultTTL = GoDuration.zero
    package var minTTL = GoDuration.zero
    package var maxTTL = GoDuration.zero

    /// Tags of an instance that a client registers, and their bytes together.
    package var maxTags = 0
    package var maxTagsBytes = 0

    /// The schemes to try, in this order, without duplicates; when empty, no credential is required.
    package var authMode: [AuthScheme] = []
    /// Invariant: this, `jwtKeys`, `jwtJWKSURL` or `jwtIssuer` is present when `authMode` contains `.jwt`.
    package var jwtSecret: Secret?
    /// The file of public keys; nil is none.
    package var jwtKeys: String?
    /// What a token's `iss` must be, and its `aud` must have; nil is anything.
    package var jwtIssuer: String?
    package var jwtAudience: String?
    /// The claim that names the namespace, as a path.
    package var jwtNamespaceClaim = ""
    /// The claim that makes an operator, as a path, and behind `=` what it must be or contain; nil: none does.
    package var jwtOperatorClaim: String?
    /// The page of the issuer's keys.
    package var jwtJWKSURL: String?
    /// The file of the authorities that the issuer is believed by; nil is those of the system.
    package var jwtCA: String?
    package var requireHTTPS = false
    /// Each 32 to 1,024 visible ASCII characters; nil: no token makes an operator.
    package var operatorToken: Secret?
    /// Nil: no certificate makes an operator.
    package var operatorCertificateName: String?
    /// Invariant: `.none` where there is no operator.
    package var operationsAuth = OperationsAuth.none
    /// Whether Eureka's API is served.
    package var eureka = false
    /// Whether the read half of Consul's API is served.
    package var consulAPI = false
    /// What that says the datacenter is.
    package var consulDatacenter = ""
    /// The base URLs of Netflix's servers to which the changes of `eurekaNamespace` are published.
    package var eurekaPeers: [String] = []
    /// Whether Envoy's discovery service is served.
    package var envoyXDS = false
    /// Bytes that the body of a request of Envoy's may have.
    package var xdsBodyLimit = 0

    /// Both of UDP and of TCP.
    package var dnsPort = Port.off
    /// In lower case, without a dot at its end.
    package var dnsDomain = ""
    package var dnsTTL = GoDuration.zero
    /// Bytes.
    package var dnsUDPMax = 0
    /// Nil: none but the one that needs no credential.
    package var dnsNamespaces: DNSNamespaces?
    /// Whose queries are answered.
    package var dnsAllow = AddressRanges.none
    /// Long answers by UDP a second, of one network; nil is no limit.
    package var dnsRateLimit: Int?

    /// Connections of all listeners together, as many as the limit on open files allows.
    package var maxConnections = 1
    /// Connections of one client; nil is no limit.
    package var maxConnectionsPerClient: Int?
    /// Answers that are held until something changes; nil is three quarters of the connections.
    package var maxWatches: Int?
    package var headerTimeout = GoDuration.zero
    package var requestTimeout = GoDuration.zero
    package var idleTimeout = GoDuration.zero
    package var answerTimeout = GoDuration.zero
    /// Bytes.
    package var maxBufferedInput = 0
    package var maxBufferedOutput = 0
    package var maxBufferedTotal = 0

    /// Bytes, of all loops together.
    package var renderedCache = 0
    /// Bytes of lists that are being made, of all namespaces together and of one. Invariant: the latter is at most the
    /// former.
    package var renderBytes = 0
    package var renderBytesNamespace = 0

    /// Requests a second; nil is no limit.
    package var rateLimitNamespace: Int?
    package var rateLimitClient: Int?
    /// Heartbeats a second; nil is no limit.
    package var rateLimitNamespaceHeartbeats: Int?
    package var rateLimitClientHeartbeats: Int?
    package var rateLimitBurst = GoDuration.zero

    /// The file of what each namespace may have; nil is none.
    package var quotasFile: String?

    /// The directory of files with instances; nil is none.
    package var fsCatalog: String?
    /// The servers of another Eureka; empty is none. They may have credentials.
    package var eurekaURL: [String] = []
    /// Where its instances are shown.
    package var eurekaNamespace = ""
    /// Whose certificates its servers may have; nil: those that the system trusts.
    package var eurekaCA: String?
    /// The API server of Kubernetes; nil is that of the cluster whose pod this is, if namespaces are named.
    package var k8sURL: String?
    package var k8sToken: Secret?
    /// The file of the authorities that the API server is believed by; nil is the pod's, or those of the system.
    package var k8sCA: String?
    /// Which namespaces are read; nil is `default`.
    package var k8sNamespaces: KubernetesNamespaces?
    package var k8sPodLabels = false
    /// How long what a source had is shown without being confirmed.
    package var catalogMaxAge = GoDuration.zero

    package var clusterSize = 1
    /// Whether `/readyz` also asks for `clusterSize` members. Requests are served without them.
    package var clusterSizeRequired = false
    package var onIsolation = Isolation.hold
    package var expiryHold = GoDuration.zero
    /// Percent of a namespace's instances; 0 is off.
    package var expiryBudget = 0
    /// The shared directory of members; nil is none.
    package var clusterDirectory: String?
    package var clusterPeers: [PeerName] = []
    /// A name whose addresses are the members.
    package var clusterDNS: PeerName?
    /// Nil: `listenAddress` when it is one address, else the machine's first.
    package var advertiseAddress: AdvertisedAddress?
    /// Nil: the machine's host name.
    package var memberName: String?
    package var clusterSecret: Secret?
    package var replication = false
    package var replicationPort = Port.off
    package var replicationTLS = false
    /// Invariant: all three are present when `replicationTLS` is.
    package var replicationTLSCertificate: String?
    package var replicationTLSKey: String?
    package var replicationTLSCA: String?
    /// Nil: each member's certificate carries that member's own address or name.
    package var replicationTLSName: String?
    package var replicationPlain = false
    /// Bytes, and changes, that may wait for one peer.
    package var replicationQueueBytes = 0
    package var replicationQueueChanges = 0
    package var tombstoneTime = GoDuration.zero
    package var tombstoneBytes = 0
    package var syncTimeout = GoDuration.zero
    /// Where what is registered is kept across restarts; nil is nowhere.
    package var snapshotFile: String?
    package var snapshotInterval = GoDuration.zero
    package var store = Store.inmem
    /// Those below say nothing without `store` redis; `redisStore` puts them together.
    var storeAddress = StoreAddress.nowhere
    var storeUser: String?
    var storePassword: Secret?
    var storeDatabase = 0
    var storePrefix = ""
    /// Invariant: nil with `storeCluster`.
    var storeSentinel: StoreSentinel?
    var storeSentinelPassword: Secret?
    var storeCluster = false
    var storeTLSCA: String?
    /// Invariant: present when `storeTLSKey` is.
    var storeTLSCertificate: String?
    var storeTLSKey: String?
    var storeWait = 0
    var storeTimeout = GoDuration.zero
    package var acknowledge = Acknowledge.all
    package var acknowledgeTimeout = GoDuration.zero

    private init() {}

    /// Every setting at its default, as after a start without flags and environment.
    package static let defaults: Settings = {
        var settings = Settings()
        for row in rows { row.applyDefault(to: &settings) }
        return settings
    }()
}

extension Settings {
    /// Where a listener binds.
    package enum Port: Sendable, Equatable {
        /// 0: the system chooses a free one.
        case number(UInt16)
        /// No listener.
        case off
    }

    /// What the TLS port is made of; nil when there is none.
    package var tls: TLSConfiguration? {
        guard httpsPort != .off, let tlsCertificate, let tlsKey else { return nil }
        return TLSConfiguration(
            certificatePath: tlsCertificate, keyPath: tlsKey, clientCAPath: tlsClientCA, clientCRLPath: tlsClientCRL,
            clientAuthentication: tlsClientAuthentication)
    }

    /// What the peers' port has for TLS; nil when it is plain.
    package var replicationSecurity: PeerTLSConfiguration? {
        guard replicationTLS, let replicationTLSCertificate, let replicationTLSKey, let replicationTLSCA else {
            return nil
        }
        return PeerTLSConfiguration(
            certificatePath: replicationTLSCertificate, keyPath: replicationTLSKey, authorityPath: replicationTLSCA)
    }

    /// How much is kept of what happened since the start, in microseconds since 1970.
    package func changeLogLimits(start: Int64 = 0) -> ChangeLogLimits {
        ChangeLogLimits(bytes: changeLog, isFollowed: eventLog != .off || isAudited, start: start)
    }

    /// Whether anybody can be an operator.
    package var hasOperators: Bool {
        operatorToken != nil || operatorCertificateName != nil || jwtOperatorClaim != nil
    }

    /// Whether the keys of tokens are the issuer's to tell: from the page that is named, or, where nothing else verifies
    /// tokens, from the one that the issuer's description names.
    package var fetchesKeys: Bool {
        authMode.contains(.jwt) && jwtKeys == nil && (jwtJWKSURL != nil || jwtIssuer != nil && jwtSecret == nil)
    }

    /// Whether legacy peers are accepted and read: where no member has to authenticate, or because the operator wants
    /// it.
    package var allowsOriginals: Bool { replicationPlain || (clusterSecret == nil && !replicationTLS) }

    /// What a cut-off member does with leases that were last renewed elsewhere.
    package enum Isolation: String, Sendable, CaseIterable {
        /// Keeps them, marked as overdue.
        case hold
        /// Lets them run out.
        case expire
    }

    /// When a change is acknowledged to its client. The raw value is the word in `acknowledge`.
    package enum Acknowledge: String, Sendable, CaseIterable {
        /// When every member that is linked and keeps up has it.
        case all
        /// When this member has it.
        case local
    }

    /// What the pages for operators and scrapers need. The raw value is the word in `operations_auth`.
    package enum OperationsAuth: String, Sendable, CaseIterable {
        case none
        /// An operator's credential.
        case `operator`
    }

    /// One way to recognise a caller. The raw value is the word in `auth_mode`.
    package enum AuthScheme: String, Sendable, CaseIterable {
        /// The token is the namespace.
        case trusted
        /// The token is a signed JWT that carries the namespace.
        case jwt
        /// The client's certificate carries the namespace.
        case mtls
    }

    /// The bounds of the settings; what lies outside is refused at start.
    package enum Limits {
        package static let loops = 1...256
        /// Far above what memory holds; it only catches slips of the keyboard.
        package static let namespaceCapacity = 0...1_000_000_000
        /// No more fit into the body of a registration.
        package static let tags = 0...65_536
        package static let tagsBytes = 0...65_536
        /// The kernel's own bound on open files (`fs.nr_open`) is 1,048,576 unless raised.
        package static let connections = 1...1_000_000
        /// Under a second, a sound client on a slow day is late; over half a day, evhttp's own timeout, a day, comes
        /// near.
        package static let deadline = GoDuration.seconds(1)...GoDuration.seconds(43_200)
        /// At least the largest legal request, or it would never be read whole (`LimitRules.leastInput`).
        package static let bufferedInput = 98_304...16_777_216
        package static let xdsBody = 65_536...16_777_216
        package static let bufferedOutput = 65_536...1_073_741_824
        package static let bufferedTotal = 1_048_576...1_099_511_627_776
        /// Room for the labels of any service before it.
        package static let dnsDomainBytes = 64
        /// Half of a day is longer than any answer is true.
        package static let dnsTTL = GoDuration.zero...GoDuration.seconds(43_200)
        /// Less is not allowed by the protocol, and more does not fit into a datagram.
        package static let dnsUDPMax = 512...65_507
        package static let changeLog = 0...1_099_511_627_776
        package static let renderedCache = 0...1_099_511_627_776
        /// What is rendered of one list on a loop at most: some 5 ms of work, in instances looked at and bytes made or
        /// put together.
        package static let loopListInstances = 4_096
        package static let loopListBytes = 1 << 20
        /// At least what is made on a loop anyway.
        package static let renderBytes = 2_097_152...1_099_511_627_776
        /// At a million a second a token is worth a microsecond.
        package static let rate = 1...1_000_000
        package static let burst = GoDuration.seconds(1)...GoDuration.seconds(3_600)
        /// A longer time needs another tool.
        package static let drainTime = GoDuration.zero...GoDuration.seconds(3_600)
        /// As long as a namespace may be.
        package static let eurekaNamespaceBytes = 256
        package static let consulDatacenterBytes = 64
        /// Less than twice the time between two looks at a source would drop one that is well.
        package static let catalogMaxAge = GoDuration.seconds(120)...GoDuration.seconds(31_536_000)
        package static let clusterSize = 1...1_000
        /// Under a second nothing is gained; over a day the list is a memory.
        package static let expiryHold = GoDuration.seconds(1)...GoDuration.seconds(86_400)
        /// Under a second a busy registry would write all the time; over a day nothing in the file lives any more.
        package static let snapshotInterval = GoDuration.seconds(1)...GoDuration.seconds(86_400)
        /// At least what one frame may have; at most what a machine may have to spare for each of several peers.
        package static let replicationQueueBytes = 1_048_576...1_073_741_824
        package static let replicationQueueChanges = 1_000...10_000_000
        /// At least the longest of the usual leases; a month of a busy cluster's deregistrations is more than memory
        /// should hold.
        package static let tombstoneTime = GoDuration.seconds(600)...GoDuration.seconds(2_592_000)
        /// At least some 650 of one namespace.
        package static let tombstoneBytes = 1_048_576...1_099_511_627_776
        /// A name that a certificate can carry is no longer.
        package static let memberNameBytes = 255
        /// The upper bound is the largest TTL that an instance can state: 2^32-1 seconds.
        package static let ttl = GoDuration.milliseconds(1)...GoDuration.seconds(UInt32.max)
        /// A member that looks for a peer is not ready, so an endless search is never wanted.
        /// Under ten milliseconds a busy member is taken for a dead one; over a few seconds, clients give up before.
        package static let acknowledgeTimeout = GoDuration.milliseconds(10)...GoDuration.seconds(5)
        /// Redis' own bound on a password's user is far above.
        package static let storeNameBytes = 128
        package static let storePrefixBytes = 64
        package static let storeWait = 0...10
        /// Under a tenth of a second a snapshot of a large Redis is taken for its death; over half a minute clients give
        /// up before.
        package static let storeTimeout = GoDuration.milliseconds(100)...GoDuration.seconds(30)
        package static let syncTimeout = GoDuration.zero...GoDuration.seconds(3_600)
        /// As long as 256 random bits are in base64 at least; a path and a header take the longest.
        package static let operatorTokenBytes = 32...1_024
        /// An issuer and an audience are URLs, mostly; claims have short names.
        package static let claimBytes = 1_024
        /// Under this, an HS256 secret is the weakest part (RFC 7518, section 3.2).
        package static let soundSecretBytes = 32
        /// 128 bits, if they are random: a shorter one can be guessed by an attacker that has recorded a proof.
        package static let soundClusterSecretBytes = 16
        /// The largest secret file read; anything larger is surely the wrong file.
        package static let secretFileBytes = 65_536
    }
}
