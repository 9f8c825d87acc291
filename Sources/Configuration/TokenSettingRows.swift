// The rows of the settings of signed tokens, but for the secret, which is the oldest of them.

extension Settings {
    static let tokenRows: [SettingRow] = [
        SettingRow(
            "jwt_keys", \.jwtKeys, .path, absent: "none",
            "The file of the public keys that tokens are verified with (docs/tokens.md): keys and certificates in PEM, or "
                + "a JSON Web Key Set. It is read again when it changes, and at once on SIGHUP; a bad file changes nothing."
        ),
        SettingRow(
            "jwt_issuer", \.jwtIssuer, .name(Limits.claimBytes), absent: "any",
            "What the claim `iss` of a token must be. Where it is the only one of `jwt_keys`, `jwt_jwks_url`, `jwt_secret` and "
                + "this, it is also the URL at which the issuer describes itself (OpenID Connect Discovery) and says where "
                + "its keys are."),
        SettingRow(
            "jwt_jwks_url", \.jwtJWKSURL, .url, absent: "none",
            "The URL of the JSON Web Key Set that tokens are verified with, under https, or http for loopback. It is "
                + "asked every 5 minutes, and for a key that is not known; while it cannot be had, the last keys stay."),
        SettingRow(
            "jwt_ca", \.jwtCA, .path, absent: "those of the system",
            "The certificate authorities, in PEM, that the servers of `jwt_jwks_url` and `jwt_issuer` are believed by."),
        SettingRow(
            "jwt_audience", \.jwtAudience, .name(Limits.claimBytes), absent: "any",
            "What the claim `aud` of a token must be or contain. Set it where the issuer signs tokens for other services "
                + "too, or each of them can use here what its clients send it."),
        SettingRow(
            "jwt_namespace_claim", \.jwtNamespaceClaim, .claimPath(Limits.claimBytes), default: "namespace",
            "The claim that names the namespace. Dots lead into objects: `realm_access.tenant`. A name with a colon is one "
                + "name, whatever its dots: `https://example.com/tenant`."),
    ]
}

extension SettingKind where Value == String {
    /// The name of a claim, or names with dots between them.
    static func claimPath(_ maximumBytes: Int) -> Self {
        SettingKind(
            placeholder: "claim",
            allowed: "a claim such as tenant or realm_access.tenant, of up to \(maximumBytes) visible ASCII characters",
            parse: { text in
                guard let name = name(maximumBytes).parse(text) else { return nil }
                let names = name.split(separator: ".", omittingEmptySubsequences: false)
                return name.contains(":") || !names.contains { $0.isEmpty } ? name : nil
            },
            format: { $0 })
    }
}
