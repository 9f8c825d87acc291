// A list of revoked certificates: the registry reads such lists and makes none.

import CTLS
import TLS

extension CertificateAuthority {
    /// The list of the revoked, in PEM; it says that there will be a newer one by the end of `validity`.
    func revocationList(of revoked: [IssuedCertificate], validity: Range<Int64>) throws -> [UInt8] {
        let issuer = try TestClient.certificate(issued.certificate)
        let key = try TestClient.key(issued.key)
        let list = X509_CRL_new()
        let from = ASN1_TIME_set(nil, time_t(validity.lowerBound))
        let until = ASN1_TIME_set(nil, time_t(validity.upperBound))
        defer {
            X509_free(issuer)
            EVP_PKEY_free(key)
            X509_CRL_free(list)
            ASN1_TIME_free(from)
            ASN1_TIME_free(until)
        }
        var isMade =
            X509_CRL_set_version(list, 1) == 1 && X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)) == 1
            && X509_CRL_set1_lastUpdate(list, from) == 1 && X509_CRL_set1_nextUpdate(list, until) == 1
        for other in revoked {
            let certificate = try TestClient.certificate(other.certificate)
            defer { X509_free(certificate) }
            let entry = X509_REVOKED_new()
            isMade =
                isMade && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) == 1
                && X509_REVOKED_set_revocationDate(entry, from) == 1 && X509_CRL_add0_revoked(list, entry) == 1
        }
        X509_CRL_sort(list)
        guard isMade, X509_CRL_sign(list, key, EVP_sha256()) > 0, let memory = BIO_new(BIO_s_mem()) else {
            throw TestClient.Failed(reason: TestClient.takeReason())
        }
        defer { BIO_free(memory) }
        guard PEM_write_bio_X509_CRL(memory, list) == 1 else {
            throw TestClient.Failed(reason: TestClient.takeReason())
        }
        var bytes: UnsafeMutablePointer<CChar>?
        let count = ctls_memory(memory, &bytes)
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }
}
