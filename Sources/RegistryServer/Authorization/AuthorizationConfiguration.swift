// What authorization is built from: immutable, so that every event loop builds its own authorizer from the one value.

/// How namespaces are chosen, fixed at start.
public struct AuthorizationConfiguration: Sendable {
    /// One way of reading a token.
    public enum Scheme: Sendable {
        /// The token itself is the namespace.
        case trusted
        /// The token is a JSON Web Token signed with HS256 under the secret, and names the namespace.
        case jwt(JWTSecret)
    }

    /// Asked in this order. Empty: no namespaces, everything is in `default`.
    public let schemes: [Scheme]

    public init(schemes: [Scheme]) { self.schemes = schemes }

    /// As the settings have it; they never name `jwt` without a secret.
    init(_ settings: Settings) {
        schemes = settings.authMode.compactMap { scheme in
            switch scheme {
            case .trusted: .trusted
            case .jwt: settings.jwtSecret.flatMap { JWTSecret($0.bytes) }.map(Scheme.jwt)
            }
        }
    }
}

/// The key that signs tokens. It shows in no description, so that a configuration may be logged.
public struct JWTSecret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// A shorter secret works, and is worth a warning: HS256 wants a key as long as its digest (RFC 7518, section 3.2).
    public static let recommendedLength = 32

    let bytes: [UInt8]

    /// Nil when there are no bytes: under an empty secret anybody can sign.
    public init?(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return nil }
        self.bytes = bytes
    }

    public var isShort: Bool { bytes.count < Self.recommendedLength }
    public var description: String { "(secret)" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
