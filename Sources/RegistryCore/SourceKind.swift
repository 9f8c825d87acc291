// Which other registries are read beside our own. A source's name is a tag of each of its instances, as in the original
// registry, and the name in pages, metrics and the log.

package import Configuration

/// A kind of source; there is at most one of each. On one id the store wins, then the sources in this order.
package enum SourceKind: String, Sendable, CaseIterable {
    case kubernetes, eureka, filesystem

    /// The tag of its instances.
    package var tag: String { rawValue }

    /// What a client is told that would change one of its instances (R684).
    package var sentence: String {
        switch self {
        case .kubernetes:
            "this instance is read from Kubernetes and cannot be renewed or removed here: change it in Kubernetes"
        case .eureka:
            "this instance is read from the Eureka at EUREKA_URL and cannot be renewed or removed here: change it there"
        case .filesystem:
            "this instance is read from a file in FS_CATALOG and cannot be renewed or removed here: change the file"
        }
    }
}

extension Settings {
    /// The sources that are configured.
    package var sourceKinds: [SourceKind] {
        SourceKind.allCases.filter { kind in
            switch kind {
            case .kubernetes: k8sURL != nil || k8sNamespaces != nil
            case .eureka: !eurekaURL.isEmpty
            case .filesystem: fsCatalog != nil
            }
        }
    }
}
