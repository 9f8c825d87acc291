// What a handshake proves its member with. The cryptography is the shell's, which has the library for it.

/// Proof of a secret that all members have. Belongs to the node's thread.
package struct Authenticator {
    /// The length of a code in bytes.
    package static let codeLength = 32

    /// The code (HMAC-SHA-256 with the cluster's secret) of a message.
    let code: (_ message: [UInt8]) -> [UInt8]
    /// Whether this is the code of the message. Must take the same time wherever the codes differ.
    let isValid: (_ code: [UInt8], _ message: [UInt8]) -> Bool
    /// The same with another key; nil when it cannot be prepared.
    let withKey: (_ key: [UInt8]) -> Authenticator?

    /// Those of other secrets whose proofs are taken too: of a cluster that is being given another one, member by
    /// member.
    package var others: [Authenticator] = []

    /// The one under which this is the code of the message; nil when there is none.
    func proven(by code: [UInt8], of message: [UInt8]) -> Authenticator? {
        ([self] + others).first { $0.isValid(code, message) }
    }

    package init(
        code: @escaping (_ message: [UInt8]) -> [UInt8],
        isValid: @escaping (_ code: [UInt8], _ message: [UInt8]) -> Bool,
        withKey: @escaping (_ key: [UInt8]) -> Authenticator?
    ) {
        self.code = code
        self.isValid = isValid
        self.withKey = withKey
    }
}
