// The client's side of TLS for a process that asks its own server how it is. It believes any certificate: it connects
// to an address of this machine, where no name would match, and sends nothing that is secret.

import CTLS

/// TLS over a nonblocking socket that its caller owns and polls. Belongs to one thread.
@safe package final class ProbeSession {
    /// How far a call came.
    package enum Step: Equatable {
        /// The number of bytes transferred; 0 for a handshake.
        case done(Int)
        case wantsInput
        case wantsOutput
        /// The other side has ended.
        case ended
        case failed(String)
    }

    private let context: OpaquePointer
    private let session: OpaquePointer

    /// - Parameters:
    ///   - certificate: a client's certificate and its key, as paths of files in PEM, for a server that asks for one.
    package init(_ descriptor: Int32, certificate: (path: String, key: String)? = nil) throws(TLSError) {
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
            throw .unavailable(reason: OpenSSLFailure.takeReason())
        }
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
        unsafe SSL_CTX_set_options(context, ctls_ignore_unexpected_eof)
        guard unsafe ctls_set_min_version(context, TLS1_2_VERSION) == 1 else {
            unsafe SSL_CTX_free(context)
            throw .unavailable(reason: OpenSSLFailure.takeReason())
        }
        if let certificate {
            for (path, result) in unsafe [
                (certificate.path, SSL_CTX_use_certificate_chain_file(context, certificate.path)),
                (certificate.key, SSL_CTX_use_PrivateKey_file(context, certificate.key, SSL_FILETYPE_PEM)),
            ] where result != 1 {
                unsafe SSL_CTX_free(context)
                throw .unusable(path: path, reason: OpenSSLFailure.takeReason())
            }
        }
        guard let session = unsafe SSL_new(context), unsafe SSL_set_fd(session, descriptor) == 1 else {
            unsafe SSL_CTX_free(context)
            throw .unavailable(reason: OpenSSLFailure.takeReason())
        }
        unsafe self.context = unsafe context
        unsafe self.session = unsafe session
    }

    deinit {
        unsafe SSL_free(session)
        unsafe SSL_CTX_free(context)
    }

    package func handshake() -> Step {
        let result = unsafe SSL_connect(session)
        return result == 1 ? .done(0) : step(result)
    }

    package func write(_ bytes: ArraySlice<UInt8>) -> Step {
        unsafe step(bytes.withUnsafeBytes { unsafe SSL_write(session, $0.baseAddress, Int32($0.count)) })
    }

    package func read(_ room: UnsafeMutableRawBufferPointer) -> Step {
        unsafe step(SSL_read(session, room.baseAddress, Int32(room.count)))
    }

    private func step(_ result: Int32) -> Step {
        guard result <= 0 else { return .done(Int(result)) }
        defer { ERR_clear_error() }
        switch unsafe SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .wantsInput
        case SSL_ERROR_WANT_WRITE: return .wantsOutput
        case SSL_ERROR_ZERO_RETURN: return .ended
        case SSL_ERROR_SSL: return .failed(OpenSSLFailure.takeReason())
        default: return .failed("the connection was lost")
        }
    }
}
