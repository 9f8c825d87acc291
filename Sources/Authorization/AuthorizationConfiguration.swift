// What authorization is built from: immutable, so that every event loop builds its own authorizer from the one value.

package import Configuration

/// How namespaces are chosen, fixed at start.
package struct AuthorizationConfiguration: Sendable {
    /// One way of reading a token.
    package enum Scheme: Sendable {
        /// The token itself is the namespace.
        case trusted
        /// The token is a JSON Web Token signed with HS256 under the secret, and names the namespace.
        case jwt(Secret)
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

    /// As the settings have it; they never name `jwt` without a secret.
    package init(_ settings: Settings) {
        operators = OperatorCredentials(
            tokens: settings.operatorToken, certificateName: settings.operatorCertificateName)
        schemes = settings.authMode.compactMap { scheme in
            switch scheme {
            case .trusted: .trusted
            case .jwt: settings.jwtSecret.map(Scheme.jwt)
            case .mtls: .mtls
            }
        }
    }
}
