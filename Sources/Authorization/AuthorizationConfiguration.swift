// What authorization is built from: immutable, so that every event loop builds its own authorizer from the one value.

package import Configuration

/// How namespaces are chosen, fixed at start.
package struct AuthorizationConfiguration: Sendable {
    /// One way of reading a token.
    package enum Scheme: Sendable {
        /// The token itself is the namespace.
        case trusted
        /// The token is a signed JSON Web Token, and names the namespace.
        case jwt(TokenTrust)
        /// The client's certificate names the namespace.
        case mtls
    }

    /// Asked in this order. Empty: no namespaces, everything is in `default`.
    package let schemes: [Scheme]

    /// Asked before all of them.
    package let operators: OperatorCredentials

    package init(schemes: [Scheme], operators: OperatorCredentials = .none) {
        self.schemes = schemes
        self.operators = operators
    }

    /// As the settings have it; they never name `jwt` with neither a secret nor keys.
    ///
    /// - Parameter keys: nil until the issuer's were had once.
    package init(_ settings: Settings, keys: KeySet? = KeySet.none) {
        operators = OperatorCredentials(
            tokens: settings.operatorToken, certificateName: settings.operatorCertificateName)
        schemes = settings.authMode.map { scheme in
            switch scheme {
            case .trusted: .trusted
            case .jwt: .jwt(TokenTrust(settings, keys: keys))
            case .mtls: .mtls
            }
        }
    }
}

extension TokenTrust {
    fileprivate init(_ settings: Settings, keys: KeySet?) {
        self.init(
            secret: settings.jwtSecret, keys: keys, areKeysFetched: settings.fetchesKeys,
            rules: ClaimRules(
                namespace: ClaimPath(settings.jwtNamespaceClaim), issuer: settings.jwtIssuer,
                audience: settings.jwtAudience, operators: settings.jwtOperatorClaim.map(OperatorClaim.init)))
    }
}
