// What the claims of a token are held to, as the operator has it. An issuer signs tokens for many services with one
// key, and names tenants in its own way, so a right signature alone says little.

import JSON

/// The operator's rules for claims. A value.
package struct ClaimRules: Sendable, Equatable {
    /// The claim that names the namespace.
    package let namespace: ClaimPath
    /// What `iss` must be; nil: anything, or nothing.
    package let issuer: String?
    /// What `aud` must be or have among others; nil: anything, or nothing.
    package let audience: String?
    /// What makes an operator; nil: no claim does.
    package private(set) var operators: OperatorClaim?

    package init(
        namespace: ClaimPath = ClaimPath(ClaimPath.standard), issuer: String? = nil, audience: String? = nil,
        operators: OperatorClaim? = nil
    ) {
        self.namespace = namespace
        self.issuer = issuer
        self.audience = audience
        self.operators = operators
    }

    /// The same for signers who make no operators.
    var ofTenants: ClaimRules {
        var rules = self
        rules.operators = nil
        return rules
    }
}

/// The claim that makes an operator of whoever bears the token. Providers put roles and groups into arrays (Keycloak's
/// `realm_access.roles`, Okta's and Dex's `groups`, Entra's `roles`, Auth0's `permissions`), scopes into one string
/// with spaces between them (RFC 8693, section 4.2), and flags of their users into claims of their own.
package struct OperatorClaim: Sendable, Equatable {
    /// Claims whose string is a list with spaces. In any other a space is part of the value: of a display name, say, which
    /// users may choose.
    private static let lists: [[UInt8]] = [Array("scope".utf8), Array("scp".utf8)]

    let path: ClaimPath
    /// What the claim must be or contain, as UTF-8; nil: it must be `true`.
    private let value: [UInt8]?
    private let isList: Bool

    /// Reads `realm_access.roles=registry-operator`: a path, and a value behind the first `=`. Without one the claim must
    /// be `true`.
    package init(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        path = ClaimPath(String(parts[0]))
        value = parts.count > 1 ? Array(parts[1].utf8) : nil
        isList = path.names.last.map { Self.lists.contains($0) } ?? false
    }

    /// Whether what comes next makes an operator.
    func holds(_ reader: inout JSONReader) throws(JSONError) -> Bool {
        switch (try reader.peekType(), value) {
        case (.boolean, nil): return try reader.readBoolean()
        case (.string, .some(let value)): return try isSame(reader.readString(), value)
        case (.array, .some(let value)):
            var isThere = false
            try reader.enterArray()
            while try reader.nextElement() {
                if let text = try reader.readStringIfAny(), text.utf8.elementsEqual(value) { isThere = true }
            }
            return isThere
        default:
            try reader.skipValue()
            return false
        }
    }

    private func isSame(_ text: String, _ value: [UInt8]) -> Bool {
        guard isList else { return text.utf8.elementsEqual(value) }
        return text.utf8.split(separator: UInt8(ascii: " ")).contains { $0.elementsEqual(value) }
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
