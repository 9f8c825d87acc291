// How Consul's clients say who they are: in a header of their own. Nothing is taken from the query, since URLs end in
// logs.

import HTTP
import Serving

enum ConsulCredential {
    private static let bearer = Array("Bearer ".utf8)

    /// `X-Consul-Token: TOKEN` stands for `Authorization: Bearer TOKEN`. Some clients send both; two that differ are
    /// refused rather than one of them chosen.
    static func find(_ call: borrowing Call) throws(Refused) -> [UInt8]? {
        let field = call.request.head[.authorization]
        guard let token = call.request.head[.consulToken] else { return field.map { Array($0) } }
        let credential = bearer + token
        guard let field else { return credential }
        guard isBearer(field, token) else {
            throw .invalid("X-Consul-Token and Authorization are given both, and differ")
        }
        return credential
    }

    /// Whether a value of `Authorization` is this token as a bearer's.
    private static func isBearer(_ field: ArraySlice<UInt8>, _ token: ArraySlice<UInt8>) -> Bool {
        guard field.count > bearer.count, field.prefix(bearer.count).equalsIgnoringCase("bearer ") else { return false }
        return field.dropFirst(bearer.count).drop { $0 == 0x20 }.elementsEqual(token)
    }
}
