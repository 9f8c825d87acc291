// What the server asks of a connection's TLS session while libevent drives it: whether it is established, which client
// it is, and to close it.

import CTLS

/// A view of a session (an `SSL`) that the bufferevent owns. It must not outlive the session, and belongs to the thread
/// that drives it.
@safe package struct TLSSession {
    private let session: OpaquePointer

    package init(_ session: OpaquePointer) { unsafe self.session = unsafe session }

    /// Whether the handshake is done: nothing was exchanged before.
    package var isEstablished: Bool { unsafe SSL_is_init_finished(session) == 1 }

    /// Sends the bytes as one record, at most 16,384 of them. False when the socket does not take them now or the
    /// session has failed: the next write, libevent's, must be of the same bytes, and learns which of the two it was.
    package func write(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard unsafe SSL_write(session, bytes, Int32(count)) == Int32(count) else {
            ERR_clear_error()
            return false
        }
        return true
    }

    /// Tells the client that nothing more will come (close_notify), so that it can tell an end from a cut. Does nothing
    /// before the handshake's end, and nothing helps where the client has gone.
    package func sayGoodbye() {
        if isEstablished { unsafe SSL_shutdown(session) }
        ERR_clear_error()
    }

    /// The client's certificate; nil when it sent none. Only good ones get this far.
    package var clientCertificate: ClientCertificate? {
        guard let certificate = unsafe SSL_get0_peer_certificate(session) else { return nil }
        return unsafe ClientCertificate(certificate)
    }

    /// The names in the certificate of a peer; nil when it showed none. Only good ones get this far.
    package var peerCertificate: PeerCertificate? {
        unsafe SSL_get0_peer_certificate(session).map { unsafe PeerCertificate($0) }
    }

    /// Why the other end's certificate was not believed; nil when it was, or none has come yet.
    package var distrust: String? {
        let result = unsafe SSL_get_verify_result(session)
        guard result != Int(X509_V_OK), let text = unsafe X509_verify_cert_error_string(result) else { return nil }
        return unsafe String(cString: text)
    }

    /// Whether an OpenSSL error code, as libevent hands it on, says that one end does not believe the other's
    /// certificate: that it failed our check, or the alert with which the other end says so (RFC 8446, section 6.2).
    package static func isDistrust(_ code: UInt) -> Bool { OpenSSLFailure.isDistrust(code) }

    /// What an OpenSSL error code, as libevent hands it on, means.
    package static func reason(_ code: UInt) -> String { OpenSSLFailure.reason(code) }
}

/// What of a client's certificate can name a namespace, or an operator.
package struct ClientCertificate: Sendable, Equatable {
    /// The URIs of the subject's alternative names, in order.
    package let uris: [String]
    /// The subject's organizational units, in order.
    package let organizationalUnits: [String]
    /// The DNS names among the subject's alternative names or, where it has no alternative name, its common names.
    package let names: [String]

    init(_ certificate: OpaquePointer) {
        uris = unsafe Self.uris(of: certificate)
        organizationalUnits = unsafe Self.values(NID_organizationalUnitName, of: certificate)
        // A name of any kind: whoever has one is not called by the subject (RFC 6125, section 6.4.4).
        let kinds = unsafe SubjectNames.read(certificate) { _, _ in "" }
        names =
            kinds.isEmpty
            ? unsafe Self.values(NID_commonName, of: certificate)
            : unsafe SubjectNames.read(certificate) { names, index in
                unsafe ctls_dns_name(names, index).flatMap(SubjectNames.text)
            }
        ERR_clear_error()
    }

    private static func uris(of certificate: OpaquePointer) -> [String] {
        unsafe SubjectNames.read(certificate) { names, index in unsafe ctls_uri(names, index).flatMap(SubjectNames.text)
        }
    }

    /// The values of one attribute of the subject, in order.
    private static func values(_ attribute: Int32, of certificate: OpaquePointer) -> [String] {
        let subject = unsafe X509_get_subject_name(certificate)
        var values: [String] = []
        var position: Int32 = -1
        while true {
            position = unsafe X509_NAME_get_index_by_NID(subject, attribute, position)
            guard position >= 0 else { return values }
            var bytes: UnsafeMutablePointer<UInt8>?
            let count = unsafe ASN1_STRING_to_UTF8(
                &bytes, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, position)))
            guard count >= 0, let bytes = unsafe bytes else { continue }
            defer { unsafe ctls_free(bytes) }
            let text = unsafe UnsafeBufferPointer(start: bytes, count: Int(count))
            if let value = unsafe String(validating: text, as: UTF8.self) { values.append(value) }
        }
    }
}
