// The claims of a token, as far as they are asked for. They are read strictly (`StrictObject`): a claim given twice is
// refused, in the objects that lead to the namespace or to what makes an operator too.

import Catalog
import JSON

/// The claims that the registry reads (RFC 7519, section 4); all others are passed over.
struct JWTClaims: Equatable {
    /// How far the clocks of the signer and of the registry may lie apart, in seconds.
    static let leeway = 60.0

    /// An operator's token need not name one: `default` then.
    let namespace: String
    let isOperator: Bool
    /// `sub`, where it is a text that could be a name.
    let subject: String?
    /// From `nbf` and `exp`, each widened by the leeway.
    let window: ValidityWindow

    static func read(_ bytes: [UInt8], _ rules: ClaimRules = ClaimRules()) -> Result<JWTClaims, AuthorizationRefusal> {
        var found = Found()
        do throws(JSONError) {
            try readObject(bytes) { (reader, key) throws(JSONError) in try found.read(&reader, key, rules) }
        } catch {
            return .failure(.malformedClaims)
        }
        guard found.timesAreNumbers else { return .failure(.malformedTime) }
        guard rules.issuer == nil || found.isIssuer else { return .failure(.wrongIssuer) }
        guard rules.audience == nil || found.isAudience else { return .failure(.wrongAudience) }
        let namespace = found.namespace ?? (found.isOperator ? Authorizer.defaultNamespace.name : "")
        guard !namespace.isEmpty else { return .failure(.noNamespaceClaim) }
        if let refusal = NamespaceRule.violation(namespace.utf8) { return .failure(refusal) }
        var subject = found.subject
        if let text = subject, NamespaceRule.violation(text.utf8) != nil { subject = nil }
        return .success(
            JWTClaims(namespace: namespace, isOperator: found.isOperator, subject: subject, window: found.window))
    }

    /// What has been read so far.
    private struct Found {
        var namespace: String?
        var isOperator = false
        var subject: String?
        var window = ValidityWindow.always
        var timesAreNumbers = true
        var isIssuer = false
        var isAudience = false

        /// Reads one member of the claims. One claim may serve two ends: `sub` may name the namespace.
        mutating func read(_ reader: inout JSONReader, _ key: JSONText, _ rules: ClaimRules) throws(JSONError) {
            if key.bytes.elementsEqual(rules.namespace.names[0]) {
                var copy = reader
                namespace = try Self.read(&copy, at: rules.namespace.names.dropFirst()) {
                    (reader) throws(JSONError) in try reader.readStringIfAny()
                }
            }
            if let claim = rules.operators, key.bytes.elementsEqual(claim.path.names[0]) {
                var copy = reader
                isOperator =
                    try Self.read(&copy, at: claim.path.names.dropFirst()) {
                        (reader) throws(JSONError) in try claim.holds(&reader)
                    } ?? false
            }
            switch key {
            case "sub": subject = try reader.readStringIfAny()
            // Valid before `exp`, as RFC 7519 has it; seconds are whole, so the first one not before it is its ceiling.
            case "exp":
                if let time = try readTime(&reader) { window.until = JWTClaims.seconds(time + JWTClaims.leeway) }
            case "nbf": if let time = try readTime(&reader) { window.from = JWTClaims.seconds(time - JWTClaims.leeway) }
            case "iss": isIssuer = try reader.readStringIfAny().map { Self.areSame($0, rules.issuer) } ?? false
            case "aud": isAudience = try Self.readAudience(&reader, rules.audience)
            default: try reader.skipValue()
            }
        }

        private mutating func readTime(_ reader: inout JSONReader) throws(JSONError) -> Double? {
            guard try reader.peekType() == .number else {
                timesAreNumbers = false
                try reader.skipValue()
                return nil
            }
            return try reader.readNumber().approximation
        }

        /// What is read of the value at the end of a path of names; nil where the path ends before.
        private static func read<Value>(
            _ reader: inout JSONReader, at path: ArraySlice<[UInt8]>,
            _ body: (inout JSONReader) throws(JSONError) -> Value?
        ) throws(JSONError) -> Value? {
            guard let name = path.first else { return try body(&reader) }
            guard try reader.peekType() == .object else {
                try reader.skipValue()
                return nil
            }
            var found: Value?
            try reader.readStrictObject { (reader, key) throws(JSONError) in
                if key.bytes.elementsEqual(name) {
                    found = try read(&reader, at: path.dropFirst(), body)
                } else {
                    try reader.skipValue()
                }
            }
            return found
        }

        /// Whether `aud`, a string or an array of them (RFC 7519, section 4.1.3), has the audience.
        private static func readAudience(_ reader: inout JSONReader, _ wanted: String?) throws(JSONError) -> Bool {
            guard try reader.peekType() == .array else {
                return try reader.readStringIfAny().map { areSame($0, wanted) } ?? false
            }
            var isThere = false
            try reader.enterArray()
            while try reader.nextElement() {
                if let text = try reader.readStringIfAny(), areSame(text, wanted) { isThere = true }
            }
            return isThere
        }

        /// As bytes: Swift's String would take two spellings of "é" for one.
        private static func areSame(_ text: String, _ wanted: String?) -> Bool {
            wanted.map { text.utf8.elementsEqual($0.utf8) } ?? false
        }
    }

    /// The first whole second not before `time`, clamped to what 64 bits hold.
    private static func seconds(_ time: Double) -> Int64 {
        guard time < 0x1p63 else { return .max }
        guard time > -0x1p63 else { return .min }
        let whole = Int64(time)  // towards zero
        return Double(whole) < time ? whole + 1 : whole
    }
}
