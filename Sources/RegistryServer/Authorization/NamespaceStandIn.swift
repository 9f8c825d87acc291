// Stands in for the Catalog's type of the same name until that lands; delete this file then.

public struct Namespace: Hashable, Sendable {
    public let name: String

    public init(_ name: String) { self.name = name }
}
