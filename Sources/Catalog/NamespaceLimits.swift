// How much a client may register in one namespace, where that differs from what holds for all.

/// One limit of a namespace.
package enum QuotaLimit: Sendable, Equatable {
    /// The one that holds for all namespaces.
    case standard
    case unlimited
    case atMost(Int)

    /// - Parameter standard: what holds for all; nil is no limit.
    package func resolved(_ standard: Int?) -> Int? {
        switch self {
        case .standard: standard
        case .unlimited: nil
        case .atMost(let most): most
        }
    }
}

/// What a client may register in one namespace.
package struct NamespaceLimits: Sendable, Equatable {
    package var instances = QuotaLimit.standard
    /// Of which no limit holds for all.
    package var services = QuotaLimit.standard

    package init(instances: QuotaLimit = .standard, services: QuotaLimit = .standard) {
        self.instances = instances
        self.services = services
    }

    package static let standard = NamespaceLimits()
}
