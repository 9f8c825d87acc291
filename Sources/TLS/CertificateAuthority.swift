// A small certificate authority, for trying HTTPS on one machine and for the tests: everything it issues is born in
// memory and named by the caller. It is not for production: its key lies beside the certificates.

import CTLS

/// A certificate and its private key, both in PEM.
package struct IssuedCertificate: Sendable {
    package let certificate: [UInt8]
    package let key: [UInt8]
}

/// What a certificate is to say.
package struct CertificateRequest: Sendable {
    package enum Purpose: Sendable {
        case server, client
        /// Both: a member shows the same certificate as a server and as a client.
        case peer

        /// As OpenSSL names the extended key usage.
        var usage: String {
            switch self {
            case .server: "serverAuth"
            case .client: "clientAuth"
            case .peer: "serverAuth,clientAuth"
            }
        }
    }

    package var commonName: String
    package var organizationalUnit: String?
    /// Host names: `localhost`.
    package var hosts: [String] = []
    /// Numeric addresses: `127.0.0.1`, `::1`.
    package var addresses: [String] = []
    package var uris: [String] = []
    package var purpose: Purpose
    /// Seconds since 1970: valid from the first, before the second.
    package var validity: Range<Int64>

    package init(_ commonName: String, for purpose: Purpose, validity: Range<Int64>) {
        self.commonName = commonName
        self.purpose = purpose
        self.validity = validity
    }
}

/// Issues certificates (RFC 5280). Confined to one thread.
@safe package final class CertificateAuthority {
    private static let serialBytes = 16
    /// The third version of X.509 is written as 2.
    private static let version = 2

    private let key: OpaquePointer
    private let certificate: OpaquePointer
    package let issued: IssuedCertificate

    /// Makes a new authority with a key on P-256, valid for the given seconds since 1970.
    package init(_ commonName: String, validity: Range<Int64>) throws(TLSError) {
        defer { ERR_clear_error() }
        guard let key = unsafe ctls_new_p256_key() else { throw Self.failure() }
        let certificate: OpaquePointer
        do throws(TLSError) {
            unsafe certificate = try unsafe Self.blank(commonName, unit: nil, key: key, validity: validity)
        } catch {
            unsafe EVP_PKEY_free(key)
            throw error
        }
        do throws(TLSError) {
            try unsafe Self.add(
                [
                    (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                    (NID_key_usage, "critical,keyCertSign,cRLSign"),
                    (NID_subject_key_identifier, "hash"),
                ], to: certificate, issuer: certificate)
            guard unsafe X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1,
                unsafe X509_sign(certificate, key, EVP_sha256()) > 0
            else { throw Self.failure() }
            issued = unsafe IssuedCertificate(
                certificate: try Self.pem(certificate: certificate), key: try Self.pem(key: key))
        } catch {
            unsafe X509_free(certificate)
            unsafe EVP_PKEY_free(key)
            throw error
        }
        unsafe self.key = unsafe key
        unsafe self.certificate = unsafe certificate
    }

    deinit {
        unsafe X509_free(certificate)
        unsafe EVP_PKEY_free(key)
    }

    /// Makes a key pair on P-256 and its certificate.
    package func issue(_ request: CertificateRequest) throws(TLSError) -> IssuedCertificate {
        defer { ERR_clear_error() }
        guard let newKey = unsafe ctls_new_p256_key() else { throw Self.failure() }
        defer { unsafe EVP_PKEY_free(newKey) }
        let leaf = try unsafe Self.blank(
            request.commonName, unit: request.organizationalUnit, key: newKey, validity: request.validity)
        defer { unsafe X509_free(leaf) }
        var extensions: [(Int32, String)] = [
            (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, request.purpose.usage), (NID_subject_key_identifier, "hash"),
            (NID_authority_key_identifier, "keyid:always"),
        ]
        let names =
            request.hosts.map { "DNS:\($0)" } + request.addresses.map { "IP:\($0)" } + request.uris.map { "URI:\($0)" }
        // OpenSSL's configuration language separates by commas, which no host name, address or URI here contains.
        guard names.allSatisfy({ !$0.contains(",") && !$0.contains("\n") }) else {
            throw .unavailable(reason: "a name must not have a comma or a line feed")
        }
        if !names.isEmpty { extensions.append((NID_subject_alt_name, names.joined(separator: ","))) }
        guard unsafe X509_set_issuer_name(leaf, X509_get_subject_name(certificate)) == 1 else { throw Self.failure() }
        try unsafe Self.add(extensions, to: leaf, issuer: certificate)
        guard unsafe X509_sign(leaf, key, EVP_sha256()) > 0 else { throw Self.failure() }
        return unsafe IssuedCertificate(certificate: try Self.pem(certificate: leaf), key: try Self.pem(key: newKey))
    }

    // MARK: - Parts of a certificate

    /// A certificate without issuer, extensions and signature.
    private static func blank(
        _ commonName: String, unit: String?, key: OpaquePointer, validity: Range<Int64>
    ) throws(TLSError) -> OpaquePointer {
        guard let certificate = unsafe X509_new() else { throw failure() }
        let number: UnsafeMutablePointer<ASN1_INTEGER>
        do throws(TLSError) {
            unsafe number = try unsafe newSerial()
        } catch {
            unsafe X509_free(certificate)
            throw error
        }
        defer { unsafe ASN1_INTEGER_free(number) }
        let name = unsafe X509_get_subject_name(certificate)
        let parts = [(NID_organizationalUnitName, unit), (NID_commonName, commonName)]
        let isNamed = parts.allSatisfy { nid, text in
            guard let text else { return true }
            return unsafe X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, text, Int32(text.utf8.count), -1, 0) == 1
        }
        guard isNamed, unsafe X509_set_version(certificate, version) == 1,
            unsafe X509_set_serialNumber(certificate, number) == 1,
            unsafe ASN1_TIME_set(X509_getm_notBefore(certificate), time_t(validity.lowerBound)) != nil,
            unsafe ASN1_TIME_set(X509_getm_notAfter(certificate), time_t(validity.upperBound)) != nil,
            unsafe X509_set_pubkey(certificate, key) == 1
        else {
            unsafe X509_free(certificate)
            throw failure()
        }
        return unsafe certificate
    }

    private static func add(_ extensions: [(Int32, String)], to certificate: OpaquePointer, issuer: OpaquePointer)
        throws(TLSError)
    {
        var context = unsafe X509V3_CTX()
        unsafe X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
        for (nid, text) in extensions {
            guard let piece = unsafe X509V3_EXT_conf_nid(nil, &context, nid, text) else { throw failure() }
            defer { unsafe X509_EXTENSION_free(piece) }
            guard unsafe X509_add_ext(certificate, piece, -1) == 1 else { throw failure() }
        }
    }

    /// Positive and unpredictable (RFC 5280, section 4.1.2.2).
    private static func newSerial() throws(TLSError) -> UnsafeMutablePointer<ASN1_INTEGER> {
        var bytes = randomBytes(serialBytes)
        bytes[0] = bytes[0] & 0x7F | 0x40
        guard let number = unsafe BN_bin2bn(bytes, Int32(bytes.count), nil) else { throw failure() }
        defer { unsafe BN_free(number) }
        guard let integer = unsafe BN_to_ASN1_INTEGER(number, nil) else { throw failure() }
        return unsafe integer
    }

    // MARK: - PEM

    private static func pem(certificate: OpaquePointer) throws(TLSError) -> [UInt8] {
        try unsafe pem { unsafe PEM_write_bio_X509($0, certificate) }
    }

    private static func pem(key: OpaquePointer) throws(TLSError) -> [UInt8] {
        try unsafe pem { unsafe PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
    }

    private static func pem(_ write: (OpaquePointer) -> Int32) throws(TLSError) -> [UInt8] {
        guard let writer = unsafe BIO_new(BIO_s_mem()) else { throw failure() }
        defer { unsafe BIO_free(writer) }
        guard unsafe write(writer) == 1 else { throw failure() }
        var bytes: UnsafeMutablePointer<CChar>?
        let count = unsafe ctls_memory(writer, &bytes)
        guard count > 0, let bytes = unsafe bytes else { throw failure() }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }

    private static func failure() -> TLSError { .unavailable(reason: OpenSSLFailure.takeReason()) }
}
