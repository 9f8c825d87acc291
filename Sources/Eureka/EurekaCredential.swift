// How Eureka's clients say who they are. Most can set no header: their credential is a part of the server's URL, in the
// path as with the original registry, or as the password of HTTP Basic, which they take from `user:password@`.

import HTTP
import Serving
import Text

enum EurekaCredential {
    private static let basic: StaticString = "basic "
    private static let bearer = Array("Bearer ".utf8)
    /// What stands in the place of a token where it must not be seen. A client that takes it for one is refused: as a
    /// namespace it would be one that strangers share.
    private static let blot: StaticString = "***"

    /// Of a request whose path has it.
    static func inPath(_ call: borrowing Call) throws(Refused) -> [UInt8]? {
        let token = call.parameter()
        guard !token.equals(blot) else { throw .unauthorized("the token in the path is no token but what hides one") }
        return bearer + token
    }

    /// Of a request that may have a header: `Bearer TOKEN`, or `Basic`, whose password is the token.
    static func inHeader(_ call: borrowing Call) throws(Refused) -> [UInt8]? {
        guard let field = call.request.head[.authorization] else { return nil }
        guard field.prefix(basic.utf8CodeUnitCount).equalsFolded(basic.bytes) else { return Array(field) }
        guard let pair = Base64.standard.decode(loosely: field.dropFirst(basic.utf8CodeUnitCount)),
            let colon = pair.firstIndex(of: UInt8(ascii: ":"))
        else { throw .unauthorized("the Basic credential is no user and password in base64") }
        return bearer + pair[(colon + 1)...]
    }
}
