// What may be an operator's token. It opens every namespace, so it must not be guessed, and must not be what somebody
// else was given for another purpose.

import TLS

enum OperatorTokens {
    /// Completes the sentence "it must be …".
    static let allowed =
        "\(Settings.Limits.operatorTokenBytes.lowerBound) to \(Settings.Limits.operatorTokenBytes.upperBound) visible "
        + "ASCII characters without spaces; a file may hold up to \(SecretLines.most), one a line"

    /// Whether a token is long enough not to be guessed, if it is random, and can be sent in a header and in a path.
    static func isGood(_ token: [UInt8]) -> Bool {
        Settings.Limits.operatorTokenBytes.contains(token.count) && token.allSatisfy { (0x21...0x7E).contains($0) }
    }
}

extension ResolvedSettings {
    /// Refuses what would make an operator of others, as far as the settings can tell.
    func checkOperator() throws(SettingError) {
        if settings.operatorCertificateName != nil, settings.tlsClientAuthentication == .none {
            throw .contradiction(
                "\(shown("operator_cert_name")): clients show a certificate only where tls_client_auth is optional or "
                    + "require, and it is none.")
        }
        if settings.operationsAuth == .operator, !settings.hasOperators {
            throw .contradiction(
                "\(shown("operations_auth")): there is no operator; set operator_token_file, operator_cert_name or "
                    + "jwt_operator_claim.")
        }
        guard let tokens = settings.operatorToken else { return }
        let secrets = [
            ("jwt_secret", settings.jwtSecret), ("cluster_secret", settings.clusterSecret),
            ("k8s_token", settings.k8sToken), ("store_password", settings.storePassword),
            ("store_address", settings.storeAddress.password),
            ("store_sentinel_password", settings.storeSentinelPassword),
        ]
        for (name, secret) in secrets {
            guard let secret, secret.all.contains(where: tokens.all.contains) else { continue }
            throw .contradiction(
                "\(shown("operator_token")), \(shown(name)): they have a value in common, so anyone who knows the one is an "
                    + "operator; choose another token.")
        }
        if settings.authMode.contains(.trusted),
            namedNamespaces.contains(where: { tokens.all.contains(Array($0.utf8)) })
        {
            throw .contradiction(
                "\(shown("operator_token")), \(shown("auth_mode")): a namespace of the settings has the token's name, which "
                    + "with trusted is its tenant's token; choose another token.")
        }
        if settings.authMode.contains(.jwt), tokens.all.contains(where: Self.looksSigned) {
            throw .contradiction(
                "\(shown("operator_token")), \(shown("auth_mode")): a token that looks like a JSON Web Token may be a "
                    + "tenant's; choose random characters.")
        }
    }

    /// Those that other settings name.
    private var namedNamespaces: [String] {
        [settings.eurekaNamespace] + (settings.dnsNamespaces?.entries.map(\.namespace) ?? [])
            + (settings.k8sNamespaces.map { namespaces in namespaces.names.compactMap(namespaces.shown) } ?? [])
    }

    /// `{"` in base64url begins so, with or without the prefix that tokens may have.
    private static func looksSigned(_ token: [UInt8]) -> Bool {
        token.starts(with: "eyJ".utf8) || token.starts(with: "jwt.eyJ".utf8)
    }
}
