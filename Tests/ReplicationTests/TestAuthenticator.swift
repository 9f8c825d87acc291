// An authenticator without cryptography: all that the handshake needs of a code is that it differs with the secret and with every byte.

import Catalog

@testable import Replication

extension Authenticator {
    static func test(_ secret: String) -> Authenticator {
        func code(_ message: [UInt8]) -> [UInt8] {
            (0..<4).flatMap { part in
                let word = StableHash.of(Array(secret.utf8) + [UInt8(part)] + message)
                return (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
            }
        }
        return Authenticator(code: code, isValid: { $0 == code($1) })
    }
}
