// Signatures of each algorithm: examples of the standards, what others sign, and everything that is almost right.

import TestSupport
import Testing
import Text

@testable import TLS

struct SignatureVerifierTests {
    private static func bytes(_ text: String) throws -> [UInt8] {
        try #require(Base64.url.decode(unpadded: Array(text.utf8)[...]))
    }

    private static func key(_ signer: SigningKey) throws -> PublicKey {
        try #require(try PublicKey.read(pem: Array(signer.publicText.utf8), most: 1).first)
    }

    private static let signers: [(algorithm: String, signer: SigningKey)] = [
        ("RS256", .rsa), ("RS256", .otherRSA), ("RS256", .oddRSA), ("ES256", .p256), ("EdDSA", .ed25519),
        ("Ed25519", .ed25519),
    ]

    private func isValid(
        _ signature: [UInt8], _ message: String, _ algorithm: String, _ key: PublicKey
    ) throws -> Bool {
        let algorithm = try #require(SignatureAlgorithm.named(algorithm))
        return try SignatureVerifier().isValid(signature, for: Array(message.utf8).span, by: algorithm, under: key)
    }

    @Test func `the example of RFC 7515, appendix A_3, is valid`() throws {
        let key = try PublicKey(
            x: try Self.bytes("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
            y: try Self.bytes("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"))
        let message =
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
            + "Ijp0cnVlfQ"
        let signature = try Self.bytes(
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
        #expect(try isValid(signature, message, "ES256", key))
        #expect(try !isValid(signature, message + "x", "ES256", key))
    }

    @Test func `the example of RFC 8037, appendix A_4, is valid`() throws {
        let key = try PublicKey(ed25519: try Self.bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
        let signature = try Self.bytes(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
        let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
        #expect(try isValid(signature, message, "EdDSA", key))
        #expect(try !isValid(signature, message.replacing("Z", with: "Y"), "EdDSA", key))
    }

    @Test(arguments: signers)
    func `a signature is valid for its message, its key and its algorithm alone`(
        algorithm: String, signer: SigningKey
    ) throws {
        // J103 Algorithm and key type are bound to each other
        let message = "header.claims"
        let signature = signer.signature(of: message)
        let key = try Self.key(signer)
        #expect(try isValid(signature, message, algorithm, key))
        #expect(try !isValid(signature, message + ".", algorithm, key))
        #expect(try !isValid(signature, "", algorithm, key))
        for other in [SigningKey.rsa, .otherRSA, .oddRSA, .p256, .otherP256, .ed25519] {
            let key = try Self.key(other)
            for row in SignatureAlgorithm.all where other.publicText != signer.publicText || row.kind != key.kind {
                #expect(try !isValid(signature, message, row.name, key), "\(row.name)")
            }
        }
    }

    @Test(arguments: signers)
    func `a signature of another length or with another bit is not valid`(
        algorithm: String, signer: SigningKey
    ) throws {
        // J104 … of another length is refused
        let signature = signer.signature(of: "m")
        let key = try Self.key(signer)
        for changed in [
            [], Array(signature.dropLast()), Array(signature.dropFirst()), signature + [0], [0] + signature,
            [UInt8](repeating: 0, count: signature.count), [UInt8](repeating: 0xFF, count: signature.count),
        ] {
            #expect(try !isValid(changed, "m", algorithm, key), "\(changed.count) bytes")
        }
        for index in stride(from: 0, to: signature.count, by: 7) {
            var changed = signature
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(try !isValid(changed, "m", algorithm, key), "byte \(index)")
        }
    }

    @Test func `a signature of ECDSA in DER is not valid, and one with short numbers is`() throws {
        // J104 ES256 is r and s, 32 bytes each
        let key = try Self.key(.p256)
        #expect(try !isValid(SigningKey.p256.signature(of: "m", isDER: true), "m", "ES256", key))
        // One in 128 has a number of 31 bytes or less.
        var shortest = 32
        for number in 0..<600 {
            let message = "message \(number)"
            let signature = SigningKey.p256.signature(of: message)
            shortest = min(shortest, signature.prefix(32).drop { $0 == 0 }.count)
            #expect(try isValid(signature, message, "ES256", key))
        }
        #expect(shortest < 32, "the loop has not met what it is for")
    }

    @Test func `numbers are written as DER wants them`() {
        #expect(DER.natural([0, 0, 1]) == [2, 1, 1])
        #expect(DER.natural([0x80]) == [2, 2, 0, 0x80])
        #expect(DER.natural([0, 0]) == [2, 1, 0])
        #expect(DER.natural([]) == [2, 1, 0])
        #expect(DER.value(4, [UInt8](repeating: 7, count: 300)).prefix(4) == [4, 0x82, 1, 44])
        #expect(DER.value(4, [UInt8](repeating: 7, count: 128)).prefix(3) == [4, 0x81, 128])
        #expect(DER.bits([1, 2]) == [3, 3, 0, 1, 2])
    }
}
