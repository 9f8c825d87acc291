// An answer of the registry as a tree, for tables: a command reads one answer and shows it once, so what a tree costs,
// which the request path does without, is no matter here.

import JSON

indirect enum JSONTree: Equatable, Sendable {
    case object([String: JSONTree])
    case array([JSONTree])
    case text(String)
    case number(JSONNumber)
    case boolean(Bool)
    case null

    /// Reads one JSON value and nothing else. Of a key that comes twice the last one stands.
    init(_ bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes)
        self = try Self.read(&reader)
        try reader.finish()
    }

    private static func read(_ reader: inout JSONReader) throws(JSONError) -> JSONTree {
        switch try reader.peekType() {
        case .object:
            var members: [String: JSONTree] = [:]
            try reader.enterObject()
            while let key = try reader.nextKey() { members[key.string] = try read(&reader) }
            return .object(members)
        case .array:
            var elements: [JSONTree] = []
            try reader.enterArray()
            while try reader.nextElement() { elements.append(try read(&reader)) }
            return .array(elements)
        case .string: return .text(try reader.readString())
        case .number: return .number(try reader.readNumber())
        case .boolean: return .boolean(try reader.readBoolean())
        case .null:
            try reader.readNull()
            return .null
        }
    }

    /// The member of an object; null where there is none, and of anything else.
    subscript(key: String) -> JSONTree {
        if case .object(let members) = self { members[key] ?? .null } else { .null }
    }

    /// The elements of an array; none of anything else.
    var elements: [JSONTree] { if case .array(let elements) = self { elements } else { [] } }

    var string: String? { if case .text(let text) = self { text } else { nil } }

    var isTrue: Bool { self == .boolean(true) }

    /// A number, as near as a Double comes to it.
    var approximation: Double? { if case .number(let number) = self { number.approximation } else { nil } }

    /// A number without its fraction, as far as it fits.
    var integer: Int? {
        guard case .number(let number) = self else { return nil }
        return switch number {
        case .natural(let value): Int(exactly: value)
        case .negative(let value): Int(value)
        case .fractional(let value), .outOfRange(let value): Int(exactly: value.rounded(.towardZero))
        }
    }
}
