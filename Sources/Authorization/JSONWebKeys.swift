// JSON Web Key Sets (RFC 7517; RFC 7518, section 6; RFC 8037, section 2). Keys for another use, of a type or for an
// algorithm that is not known here are passed over, as the RFC wants it; what is known and wrong, and what is secret,
// is refused with the whole set, since its publisher has to be told.

import JSON
import TLS
import Text

enum JSONWebKeys {
    /// The members of one key that count.
    private struct Members {
        /// By name, those that are strings.
        var strings: [String: String] = [:]
        /// The names of those that are none and would have to be.
        var malformed: String?
        var isForVerifying = true

        private static let names: Set = ["kty", "use", "alg", "kid", "crv", "x", "y", "n", "e"]

        mutating func read(_ reader: inout JSONReader, _ key: JSONText) throws(JSONError) {
            let name = key.string
            switch name {
            case "key_ops": isForVerifying = try Self.hasVerify(&reader)
            // No matter what it is: it is a private number.
            case "d", "k":
                strings[name] = ""
                try reader.skipValue()
            case _ where Self.names.contains(name):
                if let text = try reader.readStringIfAny() { strings[name] = text } else { malformed = name }
            default: try reader.skipValue()
            }
        }

        private static func hasVerify(_ reader: inout JSONReader) throws(JSONError) -> Bool {
            guard try reader.peekType() == .array else {
                try reader.skipValue()
                return false
            }
            var isThere = false
            try reader.enterArray()
            while try reader.nextElement() { if try reader.readStringIfAny() == "verify" { isThere = true } }
            return isThere
        }
    }

    /// The keys of a set that verify something, in order.
    static func read(_ bytes: [UInt8]) throws(KeySetError) -> [VerificationKey] {
        var members: [Members]?
        do throws(JSONError) {
            try readObject(bytes) { (reader, key) throws(JSONError) in
                guard key == "keys" else { return try reader.skipValue() }
                members = try readArray(&reader)
            }
        } catch {
            if case .expected = error.kind { throw .notAKeySet }
            throw .malformedJSON
        }
        guard let members else { throw .notAKeySet }
        guard members.count <= KeySet.most else { throw .tooMany }
        var keys: [VerificationKey] = []
        for (index, members) in members.enumerated() {
            if let key = try key(members, number: index + 1) { keys.append(key) }
        }
        return keys
    }

    /// One more than may be, so that too many are seen.
    private static func readArray(_ reader: inout JSONReader) throws(JSONError) -> [Members] {
        var all: [Members] = []
        try reader.enterArray()
        while try reader.nextElement() {
            var members = Members()
            try reader.readStrictObject { (reader, key) throws(JSONError) in try members.read(&reader, key) }
            if all.count <= KeySet.most { all.append(members) }
        }
        return all
    }

    /// Nil for a key that is none for us.
    private static func key(_ members: Members, number: Int) throws(KeySetError) -> VerificationKey? {
        let strings = members.strings
        if members.malformed == "kty" { throw .malformedMember(number: number, "kty") }
        guard let type = strings["kty"] else { throw .malformedMember(number: number, "kty") }
        if type == "oct" || strings["k"] != nil { throw .symmetric(number: number) }
        if strings["d"] != nil { throw .badKey(NumberedKeyError(number: number, error: .isPrivate)) }
        guard members.isForVerifying, (strings["use"] ?? "sig") == "sig" else { return nil }
        guard let kind = kind(type, strings["crv"]) else { return nil }
        if let name = members.malformed { throw .malformedMember(number: number, name) }
        let algorithm = strings["alg"].map(SignatureAlgorithm.named)
        if let algorithm, algorithm?.kind != kind { return nil }
        do throws(PublicKeyError) {
            return VerificationKey(
                try publicKey(kind, strings), id: strings["kid"], algorithm: algorithm ?? nil)
        } catch {
            throw .badKey(NumberedKeyError(number: number, error: error))
        }
    }

    private static func kind(_ type: String, _ curve: String?) -> PublicKey.Kind? {
        switch (type, curve) {
        case ("RSA", _): .rsa
        case ("EC", "P-256"): .p256
        case ("OKP", "Ed25519"): .ed25519
        default: nil
        }
    }

    private static func publicKey(_ kind: PublicKey.Kind, _ strings: [String: String]) throws(PublicKeyError)
        -> PublicKey
    {
        func number(_ name: String) throws(PublicKeyError) -> [UInt8] {
            guard let text = strings[name], let bytes = Base64.url.decode(unpadded: Array(text.utf8)[...]) else {
                throw .malformed
            }
            return bytes
        }
        return switch kind {
        case .rsa: try PublicKey(modulus: try number("n"), exponent: try number("e"))
        case .p256: try PublicKey(x: try number("x"), y: try number("y"))
        case .ed25519: try PublicKey(ed25519: try number("x"))
        }
    }
}
