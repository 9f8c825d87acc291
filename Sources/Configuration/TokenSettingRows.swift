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
        SettingRow(
            "jwt_operator_claim", \.jwtOperatorClaim, .operatorClaim(Limits.claimBytes), absent: "none",
            "The claim by which an operator is known, in tokens that a public key verifies (docs/tokens.md). Alone, it must be "
                + "`true`: `registry_operator`. Behind `=` stands what it must be, or contain if it is an array: "
                + "`realm_access.roles=registry-operator`. It is spelled as `jwt_namespace_claim` is."),
    ]
}

extension SettingKind where Value == String {
    /// A claim as of `claimPath`, alone or with a value behind the first `=`.
    static func operatorClaim(_ maximumBytes: Int) -> Self {
        SettingKind(
            placeholder: "claim",
            allowed:
                "a claim such as registry_operator, or with a value realm_access.roles=registry-operator, of up to "
                + "\(maximumBytes) bytes, the value without control characters and without spaces at its ends",
            parse: { text in
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard text.utf8.count <= maximumBytes, let path = parts.first,
                    claimPath(maximumBytes).parse(String(path)) != nil
                else { return nil }
                guard let value = parts.dropFirst().first else { return text }
                let isPlain = !value.unicodeScalars.contains { $0.properties.generalCategory == .control }
                return isPlain && !value.isEmpty && value.first != " " && value.last != " " ? text : nil
            },
            format: { $0 })
    }

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
