// What a handshake proves its member with. The cryptography is the shell's, which has the library for it.

/// Proof of a secret that all members have. Belongs to the node's thread.
public struct Authenticator {
    /// The length of a code in bytes.
    public static let codeLength = 32

    /// The code (HMAC-SHA-256 with the cluster's secret) of a message.
    let code: (_ message: [UInt8]) -> [UInt8]
    /// Whether this is the code of the message. Must take the same time wherever the codes differ.
    let isValid: (_ code: [UInt8], _ message: [UInt8]) -> Bool
    /// The same with another key; nil when it cannot be prepared.
    let withKey: (_ key: [UInt8]) -> Authenticator?

    public init(
        code: @escaping (_ message: [UInt8]) -> [UInt8], isValid: @escaping (_ code: [UInt8], _ message: [UInt8]) -> Bool,
        withKey: @escaping (_ key: [UInt8]) -> Authenticator?
    ) {
        self.code = code
        self.isValid = isValid
        self.withKey = withKey
    }
}
