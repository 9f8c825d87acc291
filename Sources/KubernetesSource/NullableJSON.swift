// In what Kubernetes writes every value may be `null`, which means that it is not there.

import JSON

extension JSONReader {
    mutating func readStringOrNull() throws(JSONError) -> String? { try skipNull() ? nil : try readString() }

    mutating func readBooleanOrNull() throws(JSONError) -> Bool? { try skipNull() ? nil : try readBoolean() }

    /// Nil also for a number that is none of these.
    mutating func readNaturalOrNull() throws(JSONError) -> UInt64? {
        guard !(try skipNull()), case .natural(let number) = try readNumber() else { return nil }
        return number
    }

    mutating func enterObjectUnlessNull() throws(JSONError) -> Bool {
        guard !(try skipNull()) else { return false }
        try enterObject()
        return true
    }

    mutating func enterArrayUnlessNull() throws(JSONError) -> Bool {
        guard !(try skipNull()) else { return false }
        try enterArray()
        return true
    }
}
