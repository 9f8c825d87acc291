// How a protocol writes down what the registry knows. Rendered lists are kept and shared by all requests for the same
// format, so the cache distinguishes formats; but what is written, it need not know.

package import Catalog
package import HTTP

/// Writes instances, one at a time. Each renderer has its own.
package protocol InstanceWriter {
    /// Appends an instance, whole and as everybody gets it; nothing, where the format does not show this one.
    mutating func append(_ leased: LeasedInstance, to body: inout [UInt8])
}

/// A protocol's way to write. One for each, made once. Safe to use from any thread.
package final class Format: Sendable {
    /// Distinguishes the kept lists of one format from those of another. Invariant: no two formats of a process have
    /// the same; below 16.
    package let number: UInt8
    /// Of lists and of instances.
    package let contentType: ContentType
    /// The header of a request that chooses between this and other forms of the same list, for `Vary`; nil where there
    /// is one form.
    package let vary: String?
    /// Whether lists have entity tags, by which clients ask whether they are still the same.
    package let isTagged: Bool
    /// What stands between two instances of a list.
    package let separator: StaticString
    private let makeWriter: @Sendable (Namespace) -> any InstanceWriter

    package convenience init(
        number: UInt8, contentType: ContentType, vary: String? = nil, isTagged: Bool = true, separator: StaticString,
        writer: @escaping @Sendable () -> any InstanceWriter
    ) {
        self.init(
            number: number, contentType: contentType, vary: vary, isTagged: isTagged, separator: separator
        ) { _ in writer() }
    }

    /// Of a format that shows an instance's namespace.
    package init(
        number: UInt8, contentType: ContentType, vary: String? = nil, isTagged: Bool = true, separator: StaticString,
        writer: @escaping @Sendable (Namespace) -> any InstanceWriter
    ) {
        self.number = number
        self.contentType = contentType
        self.vary = vary
        self.isTagged = isTagged
        self.separator = separator
        makeWriter = writer
    }

    /// Begins to write instances of a service, or of several, of a namespace.
    package func writer(of namespace: Namespace) -> any InstanceWriter { makeWriter(namespace) }
}

extension Format: Equatable {
    package static func == (one: Format, other: Format) -> Bool { one === other }
}

/// A list that a protocol offers, of some namespace.
package struct ListedResource: Sendable, Equatable {
    package let format: Format
    /// Distinguishes the lists of one format, below 16. It is part of entity tags: another number is another list to
    /// every client.
    private let number: UInt8

    package init(_ format: Format, number: UInt8) {
        self.format = format
        self.number = number
    }

    /// Distinguishes it from all others, the same on every member.
    package var rawValue: UInt8 { format.number << 4 | number & 0xF }
}

extension ListedResource: Hashable {
    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}
