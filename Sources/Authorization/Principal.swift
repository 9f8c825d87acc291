// The client of a request, as far as it is known: what a credential stands for, by any protocol. Allowances go by the
// namespace; audits and quotas will want to know more.

package import Catalog
package import Configuration

/// What a credential was good for.
package struct Principal: Sendable, Equatable {
    /// In which the principal acts.
    package private(set) var namespace: Namespace
    /// By what it was recognised; nil where no credential is required, and for an operator's token.
    package let scheme: Settings.AuthScheme?
    /// The subject that the credential names within its namespace: the URI of a certificate, the `sub` of a JSON Web
    /// Token. Nil where it names none.
    package let subject: String?
    /// Whether it is an operator, who may act in any namespace.
    package let isOperator: Bool
    /// From when on the credential is good no more, in whole seconds since 1970; nil where it has no end.
    package var expires: Int64?

    package init(
        _ namespace: Namespace, by scheme: Settings.AuthScheme?, subject: String? = nil, isOperator: Bool = false
    ) {
        self.namespace = namespace
        self.scheme = scheme
        self.subject = subject
        self.isOperator = isOperator
    }

    /// The same principal in a namespace that it has asked for.
    package func acting(in namespace: Namespace) -> Principal {
        var principal = self
        principal.namespace = namespace
        return principal
    }
}
