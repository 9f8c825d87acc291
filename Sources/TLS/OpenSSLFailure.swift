// OpenSSL keeps its errors in a queue for each thread, and libevent looks there to learn how its own calls went. So
// code that calls OpenSSL takes his errors away with him: nothing of ours may be left for a connection to be blamed
// for.

import CTLS

enum OpenSSLFailure {
    /// The reason of the newest error, for people; empties the queue.
    static func takeReason() -> String {
        defer { ERR_clear_error() }
        return reason(UInt(ERR_peek_last_error()))
    }

    /// The reasons of OpenSSL's TLS errors that are about certificates: ours of theirs, and theirs of ours, whose
    /// alerts stand 1,000 higher.
    private static let distrust: Set<Int32> = [
        SSL_R_CERTIFICATE_VERIFY_FAILED, SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, SSL_R_SSLV3_ALERT_NO_CERTIFICATE,
        SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
        SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
        SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_TLSV1_ALERT_UNKNOWN_CA,
        SSL_R_TLSV1_ALERT_ACCESS_DENIED, SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
    ]

    static func isDistrust(_ code: UInt) -> Bool { code != 0 && distrust.contains(ctls_error_reason(code)) }

    /// What an error code stands for.
    static func reason(_ code: UInt) -> String {
        guard code != 0 else { return "no reason given" }
        guard let text = unsafe ERR_reason_error_string(code) else { return "error \(String(code, radix: 16))" }
        return unsafe String(cString: text)
    }
}
