// What HTTPS is made of, as the operator names it: paths and a policy. The files are read when a context is built, each
// time, so that a renewed certificate is found.

/// The files and the policy of a TLS port.
package struct TLSConfiguration: Sendable, Equatable {
    /// What is asked of clients.
    package enum ClientAuthentication: String, Sendable, CaseIterable {
        /// No certificate is asked for.
        case none
        /// One is asked for, and must be good when it is sent.
        case optional
        /// Without a good one there is no connection.
        case require
    }

    /// PEM: the server's certificate first, then those that lead to its authority.
    package var certificatePath: String
    /// PEM, not encrypted.
    package var keyPath: String
    /// PEM: the authorities whose client certificates are good; nil only without client authentication.
    package var clientCAPath: String?
    /// PEM: the lists of revoked client certificates; when given, every authority that issues to clients must have one.
    package var clientCRLPath: String?
    package var clientAuthentication: ClientAuthentication

    package init(
        certificatePath: String, keyPath: String, clientCAPath: String? = nil, clientCRLPath: String? = nil,
        clientAuthentication: ClientAuthentication = .none
    ) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.clientCAPath = clientCAPath
        self.clientCRLPath = clientCRLPath
        self.clientAuthentication = clientAuthentication
    }

    /// Every file that a context is built from.
    package var paths: [String] {
        [certificatePath, keyPath] + [clientCAPath, clientCRLPath].compactMap(\.self)
    }
}

/// The files of a member of a cluster: it shows its certificate to those that connect and to those that it connects to,
/// and both must show theirs.
package struct PeerTLSConfiguration: Sendable, Equatable {
    /// PEM: the member's certificate first, then those that lead to its authority.
    package var certificatePath: String
    /// PEM, not encrypted.
    package var keyPath: String
    /// PEM: the authorities whose members are let in.
    package var authorityPath: String

    package init(certificatePath: String, keyPath: String, authorityPath: String) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.authorityPath = authorityPath
    }

    /// Every file that a context is built from.
    package var paths: [String] { [certificatePath, keyPath, authorityPath] }
}

/// What is believed of servers that are no members: sources of instances, publishers of keys.
package struct ClientTLSConfiguration: Sendable, Equatable {
    /// PEM: the authorities whose servers are believed; nil for those that the system believes.
    package var authorityPath: String?
    /// What a server is shown that asks for a certificate, as paths of files in PEM: the certificate first, then those
    /// that lead to its authority; and its key, not encrypted.
    package var identity: (path: String, key: String)?

    package init(authorityPath: String? = nil, identity: (path: String, key: String)? = nil) {
        self.authorityPath = authorityPath
        self.identity = identity
    }

    /// Every file that a context is built from.
    package var paths: [String] { [authorityPath, identity?.path, identity?.key].compactMap(\.self) }

    package static func == (one: Self, other: Self) -> Bool { one.paths == other.paths }
}

/// Why no context can be built from a configuration.
package enum TLSError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    case noCertificate(path: String)
    case noKey(path: String)
    case encryptedKey(path: String)
    case mismatch(certificate: String, key: String)
    /// When, in seconds since 1970.
    case expired(path: String, at: Int64)
    case notYetValid(path: String, from: Int64)
    /// OpenSSL will not serve with it: too weak a key, for example.
    case unusable(path: String, reason: String)
    case noAuthority(path: String)
    case noRevocationList(path: String)
    case outdatedRevocationList(path: String, at: Int64)
    /// OpenSSL itself fails; its reason.
    case unavailable(reason: String)

    /// A sentence without its full stop that names the file to put right.
    package var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
        case .unwritable(let path, let reason): "\(path) cannot be written: \(reason)"
        case .noCertificate(let path): "\(path) holds no certificate in PEM form"
        case .noKey(let path): "\(path) holds no private key in PEM form"
        case .encryptedKey(let path):
            "the private key in \(path) is encrypted, and there is no passphrase: store it decrypted"
        case .mismatch(let certificate, let key):
            "the private key in \(key) does not belong to the certificate in \(certificate)"
        case .expired(let path, let time): "the certificate in \(path) expired at \(UTCTime.text(time))"
        case .notYetValid(let path, let time): "the certificate in \(path) is not valid before \(UTCTime.text(time))"
        case .unusable(let path, let reason): "OpenSSL refuses \(path): \(reason)"
        case .noAuthority(let path): "\(path) holds no certificate of an authority in PEM form"
        case .noRevocationList(let path): "\(path) holds no certificate revocation list in PEM form"
        case .outdatedRevocationList(let path, let time):
            "a certificate revocation list in \(path) expired at \(UTCTime.text(time)), so no client could be "
                + "trusted: renew it"
        case .unavailable(let reason): "OpenSSL failed: \(reason)"
        }
    }
}
