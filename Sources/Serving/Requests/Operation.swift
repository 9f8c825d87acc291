// What a request asks for, by the name that the contract, the access log and the metrics share. A closed set, put
// together of what the protocols bring: a label that clients could make up would grow without bound.

package import RegistryCore

/// An operation of a protocol.
package struct Operation: Sendable, Hashable {
    /// Its `operationId` in the OpenAPI description. Invariant: no two operations of a process have the same.
    package let name: String
    /// The purpose, which decides whether a client may do it.
    package let purpose: Purpose

    package init(_ name: String, _ purpose: Purpose) {
        self.name = name
        self.purpose = purpose
    }

    /// What may be asked of a path, or of the registry (R121).
    package static let options = Operation("options", .page)
    /// No route, or a method that the route does not have.
    package static let unmatched = Operation("unmatched", .page)
}
