// The two JSON objects of a token. Both are read strictly: a key given twice is refused whatever it is, because two
// readers that each take another of the two would disagree on what was signed.

import JSON

/// The header of a token (RFC 7515, section 4): what it says about its own signature.
struct JWTHeader {
    /// Nil unless `alg` is exactly the string `HS256`.
    private(set) var isHS256 = false
    private(set) var hasCriticalExtensions = false

    /// Nil when the bytes are not one JSON object with distinct keys.
    init?(_ bytes: [UInt8]) {
        do throws(JSONError) {
            try readObject(bytes) { (reader, key) throws(JSONError) in
                switch key {
                case "alg" where try reader.peekType() == .string: isHS256 = try reader.readText() == "HS256"
                case "crit":
                    hasCriticalExtensions = true
                    try reader.skipValue()
                default: try reader.skipValue()
                }
            }
        } catch {
            return nil
        }
    }
}

/// The claims that the registry reads (RFC 7519, section 4); all others are passed over.
struct JWTClaims: Equatable {
    /// How far the clocks of the signer and of the registry may lie apart, in seconds.
    static let leeway = 60.0

    let namespace: String
    /// `sub`, where it is a text that could be a name.
    let subject: String?
    /// From `nbf` and `exp`, each widened by the leeway.
    let window: ValidityWindow

    static func read(_ bytes: [UInt8]) -> Result<JWTClaims, AuthorizationRefusal> {
        var namespace: String?
        var subject: String?
        var window = ValidityWindow.always
        var timesAreNumbers = true
        do throws(JSONError) {
            try readObject(bytes) { (reader, key) throws(JSONError) in
                let type = try reader.peekType()
                switch key {
                case "namespace" where type == .string: namespace = try reader.readString()
                case "sub" where type == .string: subject = try reader.readString()
                // Valid before `exp`, as RFC 7519 has it; seconds are whole, so the first one not before it is its
                // ceiling.
                case "exp" where type == .number: window.until = seconds(try reader.readNumber().approximation + leeway)
                case "nbf" where type == .number: window.from = seconds(try reader.readNumber().approximation - leeway)
                case "exp", "nbf":
                    timesAreNumbers = false
                    try reader.skipValue()
                default: try reader.skipValue()
                }
            }
        } catch {
            return .failure(.malformedClaims)
        }
        guard timesAreNumbers else { return .failure(.malformedTime) }
        guard let namespace, !namespace.isEmpty else { return .failure(.noNamespaceClaim) }
        if let refusal = NamespaceRule.violation(namespace.utf8) { return .failure(refusal) }
        if let text = subject, NamespaceRule.violation(text.utf8) != nil { subject = nil }
        return .success(JWTClaims(namespace: namespace, subject: subject, window: window))
    }

    /// The first whole second not before `time`, clamped to what 64 bits hold.
    private static func seconds(_ time: Double) -> Int64 {
        guard time < 0x1p63 else { return .max }
        guard time > -0x1p63 else { return .min }
        let whole = Int64(time)  // towards zero
        return Double(whole) < time ? whole + 1 : whole
    }
}

/// Reads one whole JSON object, each of whose keys comes once, member by member.
private func readObject(
    _ bytes: [UInt8], member: (inout JSONReader, JSONText) throws(JSONError) -> Void
) throws(JSONError) {
    var reader = JSONReader(bytes)
    var seen: Set<[UInt8]> = []
    try reader.enterObject()
    while let key = try reader.nextKey() {
        guard seen.insert(key.utf8).inserted else { throw JSONError(.duplicateKey, at: key.offset) }
        try member(&reader, key)
    }
    try reader.finish()
}
