// The Authorization header, as far as the registry knows it: `Bearer TOKEN` (RFC 6750), in the two spellings that
// clients use.

enum BearerToken {
    /// The token of a header value: everything after the first space, spaces included.
    /// - Parameter value: the header's value without the white space around it.
    static func parse(_ value: ArraySlice<UInt8>) -> Result<ArraySlice<UInt8>, AuthorizationRefusal> {
        let scheme = value.prefix { $0 != UInt8(ascii: " ") }
        guard scheme.elementsEqual("Bearer".utf8) || scheme.elementsEqual("bearer".utf8) else {
            return .failure(.notBearer)
        }
        let token = value[scheme.endIndex...].dropFirst()
        return token.isEmpty ? .failure(.emptyToken) : .success(token)
    }
}
