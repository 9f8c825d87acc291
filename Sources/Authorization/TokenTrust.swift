// What signed tokens are judged by: a secret, public keys or both, and rules for the claims. A token under the secret
// is good by the secret alone, and one of a public key by that key alone, so neither can stand for the other.

package import Configuration

/// Whose tokens are good, and what they must say. A value.
package struct TokenTrust: Sendable {
    /// Nil: no token of HS256 is good.
    package let secret: Secret?
    /// Nil until the issuer's were had once.
    package let keys: KeySet?
    /// Whether the issuer is asked again for keys that are not known.
    package let areKeysFetched: Bool
    package let rules: ClaimRules

    package init(
        secret: Secret? = nil, keys: KeySet? = KeySet.none, areKeysFetched: Bool = false,
        rules: ClaimRules = ClaimRules()
    ) {
        self.secret = secret
        self.keys = keys
        self.areKeysFetched = areKeysFetched
        self.rules = rules
    }
}
