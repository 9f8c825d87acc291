// Which of our namespaces a namespace of Kubernetes is shown in. By the same name unless the operator says otherwise:
// nothing is ever shown in another tenant's namespace by accident.

import Catalog
import Configuration

/// From the cluster's names to ours.
struct NamespaceMap {
    /// Where all is shown, if clients can ask for one namespace only; nil if each is shown by itself.
    private let shared: Namespace?
    private let selection: KubernetesNamespaces

    init(_ selection: KubernetesNamespaces, shared: Namespace?) {
        self.selection = selection
        self.shared = shared
    }

    /// The namespaces to be read one by one; nil is all of the cluster at once.
    var read: [String]? { selection.isAll ? nil : selection.names }

    /// Nil when it is not shown.
    func ours(_ name: String) -> Namespace? {
        guard let shown = selection.shown(name) else { return nil }
        return shared ?? Namespace(shown)
    }
}
