// TLS between members: each shows its certificate and checks the other's. What a name in a certificate is worth is
// decided here and by the node: either all members share a name that no other program has, or each has its own and may
// only be itself.

import Libevent
import Logging
import TLS

/// The TLS contexts of the peers' port. The replication thread uses them, and the reloader replaces them.
struct PeerSecurity: Sendable {
    let accepting: TLSContextBox
    let connecting: TLSContextBox
    let health: TLSHealth
    /// Of the files as they were before they were read first.
    let watch: FileWatch
    private let configuration: PeerTLSConfiguration
    private let name: String?

    /// Reads the files at `now`, in seconds since 1970.
    init(_ configuration: PeerTLSConfiguration, name: String?, now: Int64) throws(TLSError) {
        self.configuration = configuration
        self.name = name
        watch = FileWatch(configuration.paths)
        let context = try TLSContext(accepting: configuration, now: now)
        accepting = TLSContextBox(context)
        connecting = TLSContextBox(try TLSContext(connecting: configuration, now: now))
        health = TLSHealth(certificateExpiry: context.certificateExpiry)
    }

    /// Reads the files again; new connections use them when all are valid. Returns the watch over what was read.
    func reload(now: Int64, _ logger: Logger) -> FileWatch {
        let watch = FileWatch(configuration.paths)
        do throws(TLSError) {
            let accepting = try TLSContext(accepting: configuration, now: now)
            let connecting = try TLSContext(connecting: configuration, now: now)
            self.accepting.replace(by: accepting)
            self.connecting.replace(by: connecting)
            health.reloaded(certificateExpiry: accepting.certificateExpiry)
            logger.info(
                "replication certificates reloaded",
                metadata: ["days_left": "\((accepting.certificateExpiry - now) / 86_400)"])
        } catch {
            health.reloadFailed()
            logger.error(
                "the new replication certificates cannot be used; the old ones stay in service",
                metadata: ["error": "\(error)"])
        }
        return watch
    }

    /// Whether a peer's certificate is one of the cluster's, and to what it binds the peer.
    enum Judgement: Equatable {
        /// To these names and addresses; nil: to none, any member may show it.
        case member(boundTo: Set<String>?)
        case stranger
    }

    func judge(_ certificate: PeerCertificate?) -> Judgement {
        guard let certificate else { return .stranger }
        guard let name else {
            return .member(
                boundTo: Set(
                    certificate.names.map { String($0[$0.index(after: $0.firstIndex(of: ":") ?? $0.startIndex)...]) }))
        }
        return certificate.carries(name) ? .member(boundTo: nil) : .stranger
    }
}
