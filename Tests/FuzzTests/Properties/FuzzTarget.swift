// What must hold for any bytes at all, one property for each reader of what clients send. libFuzzer searches for bytes
// that break one (`make fuzz`); the ordinary tests try the seeds, mutations of them, and whatever has broken one
// before.

/// A reader and its property.
enum FuzzTarget: String, CaseIterable, Sendable {
    /// The strict framing of requests.
    case gate
    /// A request target: its path, its query, and the filters of a listing.
    case target
    /// The JSON reader, and the registration that is read with it.
    case json
    /// A bearer token: the form, the header and the claims of a JSON Web Token.
    case jwt
    /// A message of DNS, and the answer to it.
    case dns
    /// The body of Envoy's request for endpoints.
    case envoy

    /// Nil, or how the property is broken by these bytes. A trap breaks it too.
    func violation(_ bytes: [UInt8]) -> String? {
        switch self {
        case .gate: ParserProperty.violation(bytes)
        case .target: TargetProperty.violation(bytes)
        case .json: JSONProperty.violation(bytes)
        case .jwt: JWTProperty.violation(bytes)
        case .dns: DNSProperty.violation(bytes)
        case .envoy: EnvoyProperty.violation(bytes)
        }
    }
}
