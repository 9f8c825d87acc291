// Which service a name means. A question has lost its case on the way, since resolvers fold names or change their case
// at random, while names of services differ by case. So a name in lower case is itself, if there is such a service, and
// else the only one that it may be; two services are never mixed.

package import Catalog
import Text

/// What there is to choose from.
package protocol ServiceView {
    /// Whether anybody is in a service.
    func exists(_ service: Name) -> Bool
    /// The services of the namespace whose names have capital letters, or dots; nil when there are too many to know.
    var names: FoldedNames? { get }
}

/// What a name of the zone has turned out to be.
package enum ServiceChoice: Equatable, Sendable {
    case service(Name, ServiceReading)
    /// A part of longer names.
    case empty
    case missing

    /// - Parameter labels: what is asked for, as a name.
    package init(_ readings: [ServiceReading], labels: Name?, in view: some ServiceView) {
        for reading in readings {
            switch reading.service {
            case .exact(let name):
                if view.exists(name) {
                    self = .service(name, reading)
                    return
                }
            case .folded(let name):
                if view.exists(name) {
                    self = .service(name, reading)
                    return
                }
                switch Self.other(name, in: view) {
                case .one(let other):
                    self = .service(other, reading)
                    return
                case .several:
                    self = .missing
                    return
                case .none: continue
                }
            }
        }
        self = labels.map { view.names?.isPartOfOthers($0) ?? false } ?? readings.isEmpty ? .empty : .missing
    }

    private static func other(_ name: Name, in view: some ServiceView) -> FoldedNames.Found {
        if let names = view.names, case let found = names.find(name), found != .none {
            guard case .one(let other) = found, !view.exists(other) else { return found }
        }
        // What Eureka's clients register is in capital letters, and may be younger than the list of names.
        let capitals = Name(String(decoding: name.text.utf8.map(\.uppercased), as: UTF8.self))
        return capitals != name && view.exists(capitals) ? .one(capitals) : .none
    }
}

/// The names of a namespace that a question in lower case may mean, though they are others.
package struct FoldedNames: Sendable {
    package enum Found: Equatable, Sendable {
        case none
        case one(Name)
        /// More than one, in several spellings.
        case several
    }

    private var byFolding: [Name: Found] = [:]
    private var parts: Set<Name> = []

    /// - Parameter names: of all services.
    package init(_ names: some Sequence<Name>) {
        for name in names {
            let text = name.text.utf8
            let hasCapitals = text.contains { $0 != $0.lowercased }
            guard hasCapitals || text.contains(UInt8(ascii: ".")) else { continue }
            let folded = Name(String(decoding: text.map(\.lowercased), as: UTF8.self))
            if hasCapitals { byFolding[folded] = byFolding[folded] == nil ? .one(name) : .several }
            var rest = folded.text.utf8[...]
            while let dot = rest.firstIndex(of: UInt8(ascii: ".")) {
                rest = rest[rest.index(after: dot)...]
                parts.insert(Name(String(Substring(rest))))
            }
        }
    }

    /// The name with capital letters that this one in lower case may mean.
    func find(_ name: Name) -> Found { byFolding[name] ?? .none }

    /// Whether other names end with a dot and this one.
    func isPartOfOthers(_ name: Name) -> Bool { parts.contains(name) }
}
