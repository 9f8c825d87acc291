// What the claims of a token are held to, as the operator has it. An issuer signs tokens for many services with one
// key, and names tenants in its own way, so a right signature alone says little.

/// The operator's rules for claims. A value.
package struct ClaimRules: Sendable, Equatable {
    /// The claim that names the namespace.
    package let namespace: ClaimPath
    /// What `iss` must be; nil: anything, or nothing.
    package let issuer: String?
    /// What `aud` must be or have among others; nil: anything, or nothing.
    package let audience: String?

    package init(
        namespace: ClaimPath = ClaimPath(ClaimPath.standard), issuer: String? = nil, audience: String? = nil
    ) {
        self.namespace = namespace
        self.issuer = issuer
        self.audience = audience
    }
}

/// Where a claim stands: a name, or names of objects within objects.
package struct ClaimPath: Sendable, Equatable {
    package static let standard = "namespace"

    /// From the outside in, as UTF-8. Invariant: not empty.
    let names: [[UInt8]]

    /// Reads `realm_access.tenant`: the dots separate names. A name with a colon is a URI, whose dots do not: some
    /// issuers allow no other names for claims of their users.
    package init(_ text: String) {
        let isURI = text.contains(":")
        names = isURI ? [Array(text.utf8)] : text.split(separator: ".").map { Array($0.utf8) }
    }
}
