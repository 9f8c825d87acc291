// An authenticator without cryptography: all that is needed of a code is that it differs with the key and with every
// byte.

import Catalog

@testable import Replication

extension Authenticator {
    static func test(_ secret: String) -> Authenticator { test(key: Array(secret.utf8)) }

    private static func test(key: [UInt8]) -> Authenticator {
        func code(_ message: [UInt8]) -> [UInt8] {
            (0..<4).flatMap { part in
                let word = StableHash.of(key + [UInt8(part)] + message)
                return (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
            }
        }
        return Authenticator(code: code, isValid: { $0 == code($1) }, withKey: { test(key: $0) })
    }
}
