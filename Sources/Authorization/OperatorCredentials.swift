// Who is an operator: one who sees and acts in every namespace. That is judged before the modes and in each of them, so
// that no mode can be talked into it, and tokens are compared by their digests: the time that a comparison takes says
// nothing about a token.

package import Configuration
import HTTP
import TLS

/// The credentials of operators. Immutable; any thread.
package struct OperatorCredentials: Sendable {
    /// SHA-256 of each token.
    private let digests: [[UInt8]]
    /// The name that an operator's certificate carries; nil when none makes an operator.
    private let certificateName: String?

    /// Nobody is an operator.
    package static let none = OperatorCredentials(tokens: nil, certificateName: nil)

    package init(tokens: Secret?, certificateName: String?) {
        digests = (tokens?.all ?? []).map { SHA256.digest(of: $0) }
        self.certificateName = certificateName
    }

    /// Whether anybody can be an operator.
    package var exist: Bool { hasTokens || certificateName != nil }

    /// Whether a token can make an operator.
    var hasTokens: Bool { !digests.isEmpty }

    /// Whether a token is an operator's. Each of the operators' is compared, whichever it is. What is too short or too
    /// long to be one is not looked at: how long they may be is no secret.
    func accept(_ token: ArraySlice<UInt8>) -> Bool {
        guard hasTokens, Settings.Limits.operatorTokenBytes.contains(token.count) else { return false }
        let digest = SHA256.digest(of: token.span)
        return digests.reduce(false) { isKnown, known in constantTimeEqual(digest, known) || isKnown }
    }

    /// The name by which a certificate, which the transport has verified, is an operator's; nil when it is not.
    func name(in identity: ClientIdentity?) -> String? {
        guard let certificateName, let identity,
            identity.uris.contains(certificateName) || identity.names.contains(certificateName)
        else { return nil }
        return certificateName
    }
}
