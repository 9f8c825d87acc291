// Authorizers that know the forge's secret.

import Catalog
import HTTP
import TestSupport

@testable import Authorization
@testable import Configuration

extension Forge {
    static func authorizer(_ schemes: AuthorizationConfiguration.Scheme..., cache: TokenCache = TokenCache()) throws
        -> Authorizer
    {
        try Authorizer(AuthorizationConfiguration(schemes: schemes), cache: cache)
    }

    static func jwt(_ secret: String = secret) throws -> AuthorizationConfiguration.Scheme {
        .jwt(TokenTrust(secret: Secret(bytes: Array(secret.utf8))))
    }

    /// Public keys, and no secret.
    static func keys(_ keys: KeySet) -> AuthorizationConfiguration.Scheme { .jwt(TokenTrust(keys: keys)) }
}

/// What an authorizer comes to, where only the namespace matters.
enum Judged: Equatable {
    case namespace(Namespace)
    case refused(AuthorizationRefusal)
}

extension Authorizer {
    func judge(_ credential: ArraySlice<UInt8>?, _ identity: ClientIdentity?, now: Int64) -> Judged {
        do throws(AuthorizationRefusal) {
            return .namespace(try authorize(credential: credential, identity: identity, now: now).namespace)
        } catch {
            return .refused(error)
        }
    }

    func authorize(_ credential: String?, now: Int64 = Forge.now) -> Judged {
        // The value is a slice from the middle of a longer text, as in a request head.
        let text = credential.map { Array("Authorization: \($0)\r\n".utf8) }
        return judge(text.map { $0[15..<$0.count - 2] }, nil, now: now)
    }

    func authorize(token: String, now: Int64 = Forge.now) -> Judged { authorize("Bearer " + token, now: now) }
}

extension Judged {
    var isRefused: Bool { if case .refused = self { true } else { false } }
}

extension KeySet {
    init(_ text: String) throws(KeySetError) { try self.init(Array(text.utf8)) }

    init(pem signers: SigningKey...) throws(KeySetError) {
        try self.init(signers.map(\.publicText).joined(separator: "\n"))
    }
}
