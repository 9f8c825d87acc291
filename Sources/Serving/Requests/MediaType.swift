// Registrations and batches are taken as JSON alone, and said to be it.

package import HTTP

/// `Content-Type` as far as the registry looks at it.
package enum MediaType {
    private static let json: StaticString = "application/json"

    /// Throws unless a request's body is said to be JSON as it is, in no content coding but `identity` (R206, R830).
    package static func requireJSON(_ head: RequestHead) throws(Refused) {
        guard isJSON(head[.contentType]) else {
            throw .notJSON(mediaType: head[.contentType].map { String(decoding: $0, as: UTF8.self) })
        }
        if let coding = head[.contentEncoding], !coding.equalsIgnoringCase("identity") {
            throw .encoded(coding: String(decoding: coding, as: UTF8.self))
        }
    }

    /// Whether a field says `application/json`, with or without parameters (R206).
    static func isJSON(_ field: ArraySlice<UInt8>?) -> Bool {
        guard let field, field.prefix(Self.json.utf8CodeUnitCount).equalsIgnoringCase(Self.json) else { return false }
        let rest = field.dropFirst(Self.json.utf8CodeUnitCount).drop { $0 == 0x20 || $0 == 0x09 }
        return rest.isEmpty || rest.first == UInt8(ascii: ";")
    }
}
