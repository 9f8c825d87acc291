// What the settings of signed tokens have to do with one another: with `jwt` there is something to verify tokens with,
// and without it nothing is set that would seem to protect.

extension ResolvedSettings {
    mutating func checkTokens() throws(SettingError) {
        guard settings.authMode.contains(.jwt) else {
            for row in Settings.tokenRows where origins[row.name] != .builtIn {
                throw .contradiction("\(shown(row.name)): it has no effect without jwt in \(shown("auth_mode")).")
            }
            return
        }
        guard settings.jwtSecret != nil || settings.jwtKeys != nil || settings.fetchesKeys else {
            throw .contradiction(
                "\(shown("auth_mode")): jwt needs jwt_keys, jwt_jwks_url, jwt_issuer, jwt_secret or jwt_secret_file, and "
                    + "none is set.")
        }
        if settings.jwtKeys != nil, settings.jwtJWKSURL != nil {
            throw .contradiction(
                "\(shown("jwt_keys")), \(shown("jwt_jwks_url")): keys come from one place; set one of them.")
        }
        if settings.jwtCA != nil, !settings.fetchesKeys {
            throw .contradiction("\(shown("jwt_ca")): it has no effect where no issuer is asked for keys.")
        }
        if settings.jwtOperatorClaim != nil, settings.jwtKeys == nil, !settings.fetchesKeys {
            throw .contradiction(
                "\(shown("jwt_operator_claim")): tokens under jwt_secret make no operator, since anyone who signs tenants' "
                    + "tokens could make one; set jwt_keys, jwt_jwks_url or jwt_issuer.")
        }
        if let secret = settings.jwtSecret { try checkSecret(secret) }
    }

    private mutating func checkSecret(_ secret: Secret) throws(SettingError) {
        if secret.all.contains(where: Self.isPublic) {
            throw .contradiction(
                "jwt_secret: it is a public key or a certificate in PEM, so anyone could sign with it: name its file in "
                    + "jwt_keys.")
        }
        if secret.all.contains(where: { $0.count < Settings.Limits.soundSecretBytes }) {
            warnings.append(
                "jwt_secret is shorter than \(Settings.Limits.soundSecretBytes) bytes, so its tokens are easier to "
                    + "forge than HS256 allows: choose a longer one.")
        }
        warnOfOuterWhiteSpace("jwt_secret", secret)
    }

    /// Whether everybody may know it. Of a file each line would be a secret, the first one the same for all the world.
    private static func isPublic(_ secret: [UInt8]) -> Bool {
        ["-----BEGIN PUBLIC KEY-----", "-----BEGIN RSA PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----"].contains {
            secret.starts(with: $0.utf8)
        }
    }
}
