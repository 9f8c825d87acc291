// Which file of the directory is which namespace. Editors, tools and Kubernetes leave other files there, which are not
// meant: those whose name does not say that it is for us are passed over without a word.

import Authorization
import Catalog
import HTTP

/// What the name of a file says.
enum CatalogFileName: Equatable {
    /// Hidden, a backup, a file of something else.
    case ignored
    /// The instances of a namespace: `NAMESPACE.json`, percent-decoded.
    case namespace(Namespace)
    /// It ends as a file of ours and no client could ever have that namespace.
    case unusable

    private static let suffix = ".json"

    init(_ name: String) {
        // `.tmp` and `~` at the end are no `.json`; Kubernetes' `..data` is hidden.
        guard name.hasSuffix(Self.suffix), !name.hasPrefix(".") else {
            self = .ignored
            return
        }
        let encoded = Array(name.utf8.dropLast(Self.suffix.utf8.count))
        guard let text = try? PercentDecoding.string(encoded[...], as: .path), NamespaceRule.allows(text) else {
            self = .unusable
            return
        }
        self = .namespace(Namespace(text))
    }
}
