// A small TLS client over OpenSSL, for memory and for sockets. It is as strict as its settings say and reports what it
// saw, alerts by their names.

import CTLS
import Glibc
import TLS

/// A client's context: what it offers and whom it trusts.
final class TestClient {
    struct Options {
        var minimum: Int32 = 0
        var maximum: Int32 = 0
        /// For TLS 1.2 and below; nil is OpenSSL's own choice.
        var ciphers: String?
        var protocols: [String] = []
        var identity: IssuedCertificate?

        static var tls12: Options { Options(minimum: TLS1_2_VERSION, maximum: TLS1_2_VERSION) }
        static var tls13: Options { Options(minimum: TLS1_3_VERSION, maximum: TLS1_3_VERSION) }
    }

    struct Failed: Error { let reason: String }

    private let context: OpaquePointer

    init(_ options: Options = Options(), trusting authority: [UInt8]) throws {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw Failed(reason: Self.takeReason()) }
        self.context = context
        // Level 0 lets the client offer what the server must refuse.
        SSL_CTX_set_security_level(context, 0)
        let store = SSL_CTX_get_cert_store(context)
        let trusted = try Self.certificate(authority)
        defer { X509_free(trusted) }
        guard X509_STORE_add_cert(store, trusted) == 1, ctls_set_min_version(context, options.minimum) == 1,
            ctls_set_max_version(context, options.maximum) == 1,
            options.ciphers.map({ SSL_CTX_set_cipher_list(context, $0) == 1 }) ?? true
        else { throw Failed(reason: Self.takeReason()) }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        if !options.protocols.isEmpty {
            let list = options.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
            SSL_CTX_set_alpn_protos(context, list, UInt32(list.count))
        }
        if let identity = options.identity {
            let certificate = try Self.certificate(identity.certificate)
            defer { X509_free(certificate) }
            let key = try Self.key(identity.key)
            defer { EVP_PKEY_free(key) }
            guard SSL_CTX_use_certificate(context, certificate) == 1, SSL_CTX_use_PrivateKey(context, key) == 1 else {
                throw Failed(reason: Self.takeReason())
            }
        }
    }

    deinit { SSL_CTX_free(context) }

    /// A session before its handshake; `resuming` is an `SSL_SESSION` of an earlier one.
    func makeSession(resuming earlier: OpaquePointer? = nil) throws -> OpaquePointer {
        guard let session = SSL_new(context) else { throw Failed(reason: Self.takeReason()) }
        SSL_set_connect_state(session)
        if let earlier { SSL_set_session(session, earlier) }
        ctls_set_server_name(session, "localhost")
        SSL_set1_host(session, "localhost")
        return session
    }

    static func takeReason() -> String {
        defer { ERR_clear_error() }
        let code = ERR_peek_last_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return "none" }
        return String(cString: text)
    }

    static func certificate(_ pem: [UInt8]) throws -> OpaquePointer {
        try reading(pem) { PEM_read_bio_X509($0, nil, nil, nil) }
    }

    static func key(_ pem: [UInt8]) throws -> OpaquePointer {
        try reading(pem) { PEM_read_bio_PrivateKey($0, nil, nil, nil) }
    }

    private static func reading(_ pem: [UInt8], _ read: (OpaquePointer) -> OpaquePointer?) throws -> OpaquePointer {
        try pem.withUnsafeBytes { bytes in
            guard let reader = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                throw Failed(reason: takeReason())
            }
            defer { BIO_free(reader) }
            guard let item = read(reader) else { throw Failed(reason: takeReason()) }
            return item
        }
    }
}

/// What came of a handshake between a client and a context of ours, in memory.
struct HandshakeOutcome {
    /// nil: it was well.
    var clientError: String?
    var serverError: String?
    var version = ""
    var cipher = ""
    var application = ""
    var isResumed = false
    var clientCertificate: ClientCertificate?
    /// To resume with: an `SSL_SESSION`, for the caller to free.
    var session: OpaquePointer?

    var isWell: Bool { clientError == nil && serverError == nil }

    /// Shakes hands and exchanges one byte each way, so that what comes after a handshake (tickets, late alerts) has
    /// come too.
    init(_ client: TestClient, _ context: TLSContext, resuming earlier: OpaquePointer? = nil) throws {
        let near = try client.makeSession(resuming: earlier)
        guard let far = context.makeSession() else { throw TestClient.Failed(reason: "no session") }
        defer {
            SSL_free(near)
            SSL_free(far)
        }
        var one: OpaquePointer?
        var other: OpaquePointer?
        guard BIO_new_bio_pair(&one, 0, &other, 0) == 1 else { throw TestClient.Failed(reason: "no BIO pair") }
        SSL_set_bio(near, one, one)
        SSL_set_bio(far, other, other)
        SSL_set_accept_state(far)
        for _ in 0..<20 {
            if clientError == nil { clientError = Self.step(near) }
            if serverError == nil { serverError = Self.step(far) }
        }
        version = String(cString: SSL_get_version(near))
        cipher = String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(near)))
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(near, &name, &length)
        application = String(decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
        isResumed = SSL_session_reused(near) == 1
        if serverError == nil { clientCertificate = TLSSession(far).clientCertificate }
        // A well-ended session stays resumable.
        SSL_set_shutdown(near, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        session = SSL_get1_session(near)
    }

    /// One move of one side; an error's reason when there is one.
    private static func step(_ session: OpaquePointer) -> String? {
        ERR_clear_error()
        var byte: UInt8 = 0
        let result = SSL_is_init_finished(session) == 1 ? SSL_read(session, &byte, 1) : SSL_do_handshake(session)
        guard result <= 0 else { return nil }
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return nil
        default: return TestClient.takeReason()
        }
    }
}
