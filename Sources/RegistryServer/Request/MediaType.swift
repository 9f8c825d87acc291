// Registrations and batches are taken as JSON alone, and said to be it.

import HTTP

/// `Content-Type` as far as the registry looks at it.
enum MediaType {
    private static let json: StaticString = "application/json"

    /// Whether a field says `application/json`, with or without parameters (R206).
    static func isJSON(_ field: ArraySlice<UInt8>?) -> Bool {
        guard let field, field.prefix(Self.json.utf8CodeUnitCount).equalsIgnoringCase(Self.json) else { return false }
        let rest = field.dropFirst(Self.json.utf8CodeUnitCount).drop { $0 == 0x20 || $0 == 0x09 }
        return rest.isEmpty || rest.first == UInt8(ascii: ";")
    }
}
