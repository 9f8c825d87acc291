// Authorizers that know the forge's secret.

import TestSupport

@testable import Authorization
@testable import Configuration

extension Forge {
    static func authorizer(_ schemes: AuthorizationConfiguration.Scheme..., cache: TokenCache = TokenCache()) throws -> Authorizer {
        try Authorizer(AuthorizationConfiguration(schemes: schemes), cache: cache)
    }

    static func jwt(_ secret: String = secret) throws -> AuthorizationConfiguration.Scheme {
        .jwt(Secret(bytes: Array(secret.utf8)))
    }
}

extension Authorizer {
    func authorize(_ credential: String?, now: Int64 = Forge.now) -> Authorization {
        // The value is a slice from the middle of a longer text, as in a request head.
        let text = credential.map { Array("Authorization: \($0)\r\n".utf8) }
        return authorize(credential: text.map { $0[15..<$0.count - 2] }, now: now)
    }

    func authorize(token: String, now: Int64 = Forge.now) -> Authorization { authorize("Bearer " + token, now: now) }
}
