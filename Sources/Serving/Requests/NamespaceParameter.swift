// The namespace that a request names in its query, `?namespace=NAME` (docs/rest-api.md, R522). It is looked for in every
// request of a tenant or an operator, so a query without it costs one pass over its bytes, and no query nothing.

import Authorization
import Catalog
import HTTP
import RegistryCore
import Text

enum NamespaceParameter {
    /// Its name in a query.
    static let name: StaticString = "namespace"

    /// What the query of a request asks for. What else is wrong with it is for whoever reads it.
    static func read(_ head: RequestHead) -> WantedNamespace {
        guard let query = head.query, query.hasParameter(name) || head.hasEscapes else { return .own }
        var wanted = WantedNamespace.own
        var start = query.startIndex
        while start < query.endIndex {
            let end = query[start...].firstIndex(of: UInt8(ascii: "&")) ?? query.endIndex
            let pair = query[start..<end]
            start = end < query.endIndex ? end + 1 : end
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            guard isName(pair[..<equals]) else { continue }
            guard wanted == .own else { return .malformed("\(name) is given twice") }
            wanted = read(value: pair[equals...].dropFirst())
        }
        return wanted
    }

    private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
        // An escape takes three bytes in the place of one.
        guard bytes.count >= name.utf8CodeUnitCount, bytes.count <= 3 * name.utf8CodeUnitCount else { return false }
        guard bytes.contains(UInt8(ascii: "%")) else { return bytes.equals(name) }
        guard let text = try? PercentDecoding.string(bytes, as: .query) else { return false }
        return Array(text.utf8)[...].equals(name)
    }

    private static func read(value: ArraySlice<UInt8>) -> WantedNamespace {
        do throws(Refusal) {
            let text = try PercentDecoding.string(value, as: .query)
            guard NamespaceRule.allows(text) else {
                return .malformed(
                    "\(name) must be 1 to 256 bytes of UTF-8, not spaces alone, without control characters")
            }
            return .named(Namespace(text))
        } catch {
            return .malformed(error.sentence)
        }
    }
}
