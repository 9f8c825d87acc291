// One side of TLS, ready for new connections: certificate, key, versions, ciphers, what is asked of the other side. A
// context never changes; a reload builds another, and the connections of the old one keep it alive until they end.

import CTLS
import Synchronization

/// Everything that new connections need. Made and checked as a whole, then only read. Safe to use from any thread.
///
/// `@unchecked Sendable`: an SSL_CTX counts its references atomically and guards the little that `SSL_new` and a
/// handshake touch in it; nothing here changes it once `init` has returned.
@safe package final class TLSContext: @unchecked Sendable {
    /// ECDHE with AEAD only (RFC 9325, section 4.2). The client chooses: one without AES in hardware asks for ChaCha20.
    private static let ciphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
        + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    private static let ciphersOfTLS13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
    private static let groups = "X25519:P-256:P-384"
    /// 112 bits: RSA keys of 2,048 bits and more, no SHA-1.
    private static let securityLevel: Int32 = 2

    let context: OpaquePointer
    /// When our certificate expires, in seconds since 1970; never without one.
    package let certificateExpiry: Int64

    /// What both sides have: the certificate, checked at `now`, and the protocol. Only a client may have none.
    private init(_ method: OpaquePointer?, certificate: (path: String, key: String)?, now: Int64) throws(TLSError) {
        guard let context = unsafe SSL_CTX_new(method) else { throw .unavailable(reason: OpenSSLFailure.takeReason()) }
        unsafe self.context = unsafe context
        do throws(TLSError) {
            certificateExpiry =
                if let certificate {
                    try unsafe Self.useCertificate(certificate.path, certificate.key, in: context, now: now)
                } else {
                    .max
                }
        } catch {
            unsafe SSL_CTX_free(context)
            throw error
        }
        // All is initialised: from here on `deinit` runs when something throws.
        try unsafe Self.limitProtocol(context)
    }

    /// Reads and checks the files of `configuration` at `now`, in seconds since 1970. Without ticket keys no client
    /// ever resumes: each connection makes a full handshake and shows its certificate.
    package convenience init(_ configuration: TLSConfiguration, ticketKeys: TicketKeys?, now: Int64) throws(TLSError) {
        unsafe try self.init(
            TLS_server_method(), certificate: (configuration.certificatePath, configuration.keyPath), now: now)
        try unsafe Self.authenticateClients(configuration, in: context, now: now)
        try unsafe Self.useTicketKeys(ticketKeys, in: context)
        unsafe SSL_CTX_set_alpn_select_cb(
            context, { _, chosen, length, offered, count, _ in unsafe selectProtocol(chosen, length, offered, count) },
            nil)
    }

    /// A member's side of the connections that it accepts. Links last for days, so there is nothing to win by resuming
    /// one, and no key to be kept that opens old ones.
    package convenience init(accepting configuration: PeerTLSConfiguration, now: Int64) throws(TLSError) {
        try self.init(
            TLSConfiguration(
                certificatePath: configuration.certificatePath, keyPath: configuration.keyPath,
                clientCAPath: configuration.authorityPath,
                clientAuthentication: .require), ticketKeys: nil, now: now)
    }

    /// The other side, for connections that a member opens: shows its certificate and accepts one that its authorities
    /// have issued. Whether the name in that is the right one is for the caller to judge, by
    /// `TLSSession.peerCertificate`.
    package convenience init(connecting configuration: PeerTLSConfiguration, now: Int64) throws(TLSError) {
        unsafe try self.init(
            TLS_client_method(), certificate: (configuration.certificatePath, configuration.keyPath), now: now)
        try unsafe Self.trustAuthorities(try PEMFile(configuration.authorityPath), in: context)
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    }

    /// For connections to other servers than members: believes a certificate that one of the authorities has issued,
    /// for the name or address that `makeSession(to:)` is asked for.
    /// - speaksHTTP: whether that is said in the handshake; servers of other protocols have no name to be told.
    package convenience init(
        trusting configuration: ClientTLSConfiguration, speaksHTTP: Bool = true, now: Int64
    ) throws(TLSError) {
        unsafe try self.init(TLS_client_method(), certificate: configuration.identity, now: now)
        // What the server sends last may be cut short unseen where an answer ends with its connection.
        unsafe SSL_CTX_clear_options(context, ctls_ignore_unexpected_eof)
        if let path = configuration.authorityPath {
            try unsafe Self.trustAuthorities(try PEMFile(path), in: context)
        } else {
            guard unsafe SSL_CTX_set_default_verify_paths(context) == 1 else {
                throw .unavailable(reason: OpenSSLFailure.takeReason())
            }
        }
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        guard speaksHTTP else { return }
        let offered: [UInt8] = [8] + Array("http/1.1".utf8)
        // Of all functions this one returns 0 when it has succeeded.
        guard unsafe SSL_CTX_set_alpn_protos(context, offered, UInt32(offered.count)) == 0 else {
            throw .unavailable(reason: OpenSSLFailure.takeReason())
        }
    }

    deinit { unsafe SSL_CTX_free(context) }

    /// A session that waits for a client's first message, or is about to send its own; nil when memory is short. The
    /// caller owns it: an `SSL`.
    package func makeSession() -> OpaquePointer? {
        let session = unsafe SSL_new(context)
        if unsafe session == nil { ERR_clear_error() }
        return unsafe session
    }

    /// A session to a server that must prove to be `host`, a name or a numeric address; nil when memory is short or the
    /// name cannot be one. The caller owns it: an `SSL`.
    package func makeSession(to host: String, isAddress: Bool) -> OpaquePointer? {
        guard let session = unsafe makeSession() else { return nil }
        let expected = unsafe SSL_get0_param(session)
        // A certificate's common name is nobody's address (RFC 9525, section 2), and `w*.example` is no host.
        unsafe X509_VERIFY_PARAM_set_hostflags(
            expected, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
        let isSet =
            unsafe isAddress
            ? X509_VERIFY_PARAM_set1_ip_asc(expected, host) == 1
                // Server names are no addresses (RFC 6066, section 3).
            : X509_VERIFY_PARAM_set1_host(expected, host, host.utf8.count) == 1
                && ctls_set_server_name(session, host) == 1
        guard isSet else {
            unsafe SSL_free(session)
            ERR_clear_error()
            return nil
        }
        return unsafe session
    }

    // MARK: - The protocol

    private static func limitProtocol(_ context: OpaquePointer) throws(TLSError) {
        unsafe SSL_CTX_set_security_level(context, securityLevel)
        // A client that goes without a word has said all it had to say: requests carry their own length, so none can be
        // cut short unseen.
        unsafe SSL_CTX_set_options(context, ctls_no_renegotiation | ctls_no_compression | ctls_ignore_unexpected_eof)
        // Idle connections give their buffers back. Never SSL_MODE_ENABLE_PARTIAL_WRITE: libevent counts on whole
        // writes. And the server's chain is what its file holds: the authorities that clients are checked by have no
        // part in it.
        unsafe ctls_set_mode(context, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN))
        guard unsafe ctls_set_min_version(context, TLS1_2_VERSION) == 1,
            unsafe ctls_set_max_version(context, TLS1_3_VERSION) == 1,
            unsafe SSL_CTX_set_cipher_list(context, ciphers) == 1,
            unsafe SSL_CTX_set_ciphersuites(context, ciphersOfTLS13) == 1,
            unsafe ctls_set_groups(context, groups) == 1
        else { throw .unavailable(reason: OpenSSLFailure.takeReason()) }
    }

    // MARK: - The server's certificate

    /// Returns when it expires.
    private static func useCertificate(
        _ path: String, _ keyPath: String, in context: OpaquePointer, now: Int64
    ) throws(TLSError) -> Int64 {
        let chain = try unsafe PEMFile(path).certificates()
        defer { unsafe chain.forEach { unsafe X509_free($0) } }
        guard let certificate = unsafe chain.first else { throw .noCertificate(path: path) }
        let key = try unsafe PEMFile(keyPath).privateKey()
        defer { unsafe EVP_PKEY_free(key) }

        guard unsafe X509_check_private_key(certificate, key) == 1 else {
            ERR_clear_error()
            throw .mismatch(certificate: path, key: keyPath)
        }
        guard let from = unsafe UTCTime.seconds(X509_get0_notBefore(certificate)),
            let until = unsafe UTCTime.seconds(X509_get0_notAfter(certificate))
        else { throw .noCertificate(path: path) }
        guard from <= now else { throw .notYetValid(path: path, from: from) }
        guard now < until else { throw .expired(path: path, at: until) }

        unsafe SSL_CTX_set_security_level(context, securityLevel)
        guard unsafe SSL_CTX_use_certificate(context, certificate) == 1 else { throw unusable(path) }
        guard unsafe SSL_CTX_use_PrivateKey(context, key) == 1 else { throw unusable(keyPath) }
        for index in unsafe chain.indices.dropFirst() {
            let intermediate = unsafe chain[index]
            guard unsafe ctls_add_chain_certificate(context, intermediate) == 1 else { throw unusable(path) }
        }
        return until
    }

    private static func unusable(_ path: String) -> TLSError {
        .unusable(path: path, reason: OpenSSLFailure.takeReason())
    }

    // MARK: - Clients

    private static func authenticateClients(
        _ configuration: TLSConfiguration, in context: OpaquePointer, now: Int64
    ) throws(TLSError) {
        // A ticket replaces the check of a certificate, so it is valid only where the same would be checked: tickets
        // are bound to the policy and to the very bytes of the authorities and revocation lists.
        var trust: [UInt8] = Array(configuration.clientAuthentication.rawValue.utf8)
        if configuration.clientAuthentication != .none, let path = configuration.clientCAPath {
            let file = try PEMFile(path)
            trust += SHA256.digest(of: file.bytes)
            try unsafe trustAuthorities(file, in: context)
            if let path = configuration.clientCRLPath {
                let file = try PEMFile(path)
                trust += SHA256.digest(of: file.bytes)
                try unsafe honourRevocations(file, in: context, now: now)
            }
            let insists = configuration.clientAuthentication == .require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0
            unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER | insists, nil)
            unsafe SSL_CTX_set_session_ticket_cb(
                context, nil, { _, session, _, _, status, _ in unsafe judgeTicket(session, status) }, nil)
        }
        let identity = SHA256.digest(of: trust)
        unsafe demand(SSL_CTX_set_session_id_context(context, identity, UInt32(identity.count)), "bind session tickets")
    }

    private static func trustAuthorities(_ file: PEMFile, in context: OpaquePointer) throws(TLSError) {
        let authorities = unsafe file.certificates()
        defer { unsafe authorities.forEach { unsafe X509_free($0) } }
        guard unsafe !authorities.isEmpty else { throw .noAuthority(path: file.path) }
        let store = unsafe SSL_CTX_get_cert_store(context)
        for index in unsafe authorities.indices {
            let authority = unsafe authorities[index]
            guard unsafe X509_check_ca(authority) != 0 else { throw .noAuthority(path: file.path) }
            // The names go to the client, which may hold several certificates and must choose.
            guard unsafe X509_STORE_add_cert(store, authority) == 1,
                unsafe SSL_CTX_add_client_CA(context, authority) == 1
            else {
                throw unusable(file.path)
            }
        }
    }

    private static func honourRevocations(_ file: PEMFile, in context: OpaquePointer, now: Int64) throws(TLSError) {
        let lists = unsafe file.revocationLists()
        defer { unsafe lists.forEach { unsafe X509_CRL_free($0) } }
        guard unsafe !lists.isEmpty else { throw .noRevocationList(path: file.path) }
        let store = unsafe SSL_CTX_get_cert_store(context)
        for index in unsafe lists.indices {
            let list = unsafe lists[index]
            if let until = unsafe UTCTime.seconds(X509_CRL_get0_nextUpdate(list)), until <= now {
                throw .outdatedRevocationList(path: file.path, at: until)
            }
            guard unsafe X509_STORE_add_crl(store, list) == 1 else { throw unusable(file.path) }
        }
        unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK))
    }

    // MARK: - Session tickets

    /// Where an SSL_CTX keeps its `TicketKeys`, retained: sessions outlive the `TLSContext`.
    private static let ticketKeySlot = unsafe ctls_new_context_slot { _, keys, _, _, _, _ in
        if let keys = unsafe keys { unsafe Unmanaged<TicketKeys>.fromOpaque(keys).release() }
    }

    private static func useTicketKeys(_ keys: TicketKeys?, in context: OpaquePointer) throws(TLSError) {
        // The ticket holds the session; nothing of it is kept here.
        unsafe ctls_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
        guard let keys else {
            unsafe SSL_CTX_set_options(context, ctls_no_ticket)
            guard unsafe SSL_CTX_set_num_tickets(context, 0) == 1 else {
                throw .unavailable(reason: OpenSSLFailure.takeReason())
            }
            return
        }
        unsafe SSL_CTX_set_timeout(context, Int(TicketKeys.rotationPeriod))
        let retained = unsafe Unmanaged.passRetained(keys)
        guard unsafe SSL_CTX_set_ex_data(context, ticketKeySlot, retained.toOpaque()) == 1 else {
            unsafe retained.release()
            throw .unavailable(reason: OpenSSLFailure.takeReason())
        }
        let result = unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(context) { session, name, iv, cipher, mac, isSealing in
            guard let session = unsafe session, let name = unsafe name, let iv = unsafe iv, let cipher = unsafe cipher,
                let mac = unsafe mac, let keys = unsafe TLSContext.ticketKeys(of: session)
            else { return -1 }
            if isSealing == 1 { return unsafe keys.seal(name: name, iv: iv, cipher: cipher, mac: mac) }
            let answer = unsafe keys.open(name: name, iv: iv, cipher: cipher, mac: mac)
            // Clients of TLS 1.3 use a ticket once (RFC 8446, section C.4): without a new one, every second connection
            // would make a full handshake.
            return unsafe answer == TicketKeys.Answer.done && SSL_version(session) == TLS1_3_VERSION
                ? TicketKeys.Answer.doneButRenew : answer
        }
        guard result == 1 else { throw .unavailable(reason: OpenSSLFailure.takeReason()) }
    }

    private static func ticketKeys(of session: OpaquePointer) -> TicketKeys? {
        guard let keys = unsafe SSL_CTX_get_ex_data(SSL_get_SSL_CTX(session), ticketKeySlot) else { return nil }
        return unsafe Unmanaged<TicketKeys>.fromOpaque(keys).takeUnretainedValue()
    }
}

/// Says whether a ticket that could be opened is used: not when the client's certificate, which it stands for, has
/// expired meanwhile.
private func judgeTicket(_ session: OpaquePointer?, _ status: SSL_TICKET_STATUS) -> SSL_TICKET_RETURN {
    switch Int32(bitPattern: UInt32(status)) {
    case SSL_TICKET_SUCCESS, SSL_TICKET_SUCCESS_RENEW:
        if let session = unsafe session, let certificate = unsafe SSL_SESSION_get0_peer(session),
            unsafe X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0
        {
            return SSL_TICKET_RETURN(SSL_TICKET_RETURN_IGNORE_RENEW)
        }
        return SSL_TICKET_RETURN(status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW)
    case SSL_TICKET_EMPTY, SSL_TICKET_NO_DECRYPT:
        return SSL_TICKET_RETURN(SSL_TICKET_RETURN_IGNORE_RENEW)
    default:
        return SSL_TICKET_RETURN(SSL_TICKET_RETURN_ABORT)
    }
}

/// Chooses `http/1.1` among the protocols that a client offers (RFC 7301); a client that offers only others is refused
/// with an alert.
private func selectProtocol(
    _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?, _ length: UnsafeMutablePointer<UInt8>?,
    _ offered: UnsafePointer<UInt8>?,
    _ count: UInt32
) -> Int32 {
    let wanted: StaticString = "http/1.1"
    guard let chosen = unsafe chosen, let length = unsafe length, let offered = unsafe offered else {
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
    // Each is preceded by its length.
    var position = 0
    while position < Int(count) {
        let name = unsafe UnsafeBufferPointer(start: offered + position + 1, count: Int(offered[position]))
        guard position + 1 + name.count <= Int(count) else { break }
        if unsafe name.elementsEqual(UnsafeBufferPointer(start: wanted.utf8Start, count: wanted.utf8CodeUnitCount)) {
            unsafe chosen.pointee = name.baseAddress
            unsafe length.pointee = UInt8(name.count)
            return SSL_TLSEXT_ERR_OK
        }
        position += 1 + name.count
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}

/// The context that new connections use. A reload replaces it; connections made before keep theirs.
package final class TLSContextBox: Sendable {
    private let context: Mutex<TLSContext>

    package init(_ context: TLSContext) { self.context = Mutex(context) }

    package var current: TLSContext { context.withLock { $0 } }

    package func replace(by context: TLSContext) { self.context.withLock { $0 = context } }
}
