// Public keys as they are published, and what of them is refused.

import TestSupport
import Testing

@testable import TLS

struct PublicKeyTests {
    private func read(_ text: String, most: Int = 100) -> Result<[PublicKey], NumberedKeyError> {
        Result { () throws(NumberedKeyError) in try PublicKey.read(pem: Array(text.utf8), most: most) }
    }

    /// Of `SigningKey.p256`, made by `openssl req -x509`; it has expired.
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBdjCCAR2gAwIBAgIUXGp1pLsobVmo9g4DN8jgihWT2lYwCgYIKoZIzj0EAwIw
        ETEPMA0GA1UEAwwGc2lnbmVyMB4XDTI2MTEyOTE1Mjk1MVoXDTI2MTEzMDE1Mjk1
        MVowETEPMA0GA1UEAwwGc2lnbmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
        c80ZDXzNP8FmC3DTBOoNaXNfvM9ASqgYTzbq/M11/pn6l56sM+oGWKO4ykyRcJDD
        XsrdQ8+7nmLc8uIL7GwNhqNTMFEwHQYDVR0OBBYEFGZ9A3m9o1MMrO/zkck74Q3M
        kCOqMB8GA1UdIwQYMBaAFGZ9A3m9o1MMrO/zkck74Q3MkCOqMA8GA1UdEwEB/wQF
        MAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgVlYPSwwuzYNg6z1YskxkqzhtDboP1V8e
        FJoZfd0ABtwCIBOs9w147sP6ypoUOciouDzj9VlhbN8KMO1TprNs9kkN
        -----END CERTIFICATE-----
        """

    /// Made by OpenSSL: a curve that is spelt out, a key for RSA-PSS alone, and a point that is compressed.
    private static let explicitCurve = """
        -----BEGIN PUBLIC KEY-----
        MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
        AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
        ///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
        NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
        RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
        //////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABB5R00y0I5F8Lq9DQrCrEtj3
        2spzxoOboUG8QyFLXul/Uk1TypKzA+FxGZFQqAXue8rCPO/oiwbqxFQCfreoqGo=
        -----END PUBLIC KEY-----
        """
    private static let rsaPSS = """
        -----BEGIN PUBLIC KEY-----
        MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAJSpSfwOcpaShpTNt+cQEAPh
        ASSZ2xF+krtNOZYNhjmzAPFREUjrqN+4zSR0kqccpdWBu1G0uFyHBb2aydeutugX
        GwBczuy1ZnmXhuNIuUS8eTDaRgyLc1GLX5AsLllvOZmYWq1dAmgtkw13/V2GhJ7R
        IB2/bw9ugID3sKWzfxN0mM/Ja84EVQaG38j32P90lInjK9OW2EmM6AtL9uUtsch+
        JlKm/wEzDInGP5//EnEKgNp6C+I5D4WG2rP+krr2LAKern0CK6s1uuHw8/fhlIuU
        D0SHalDU2KQCLXtmwxVBqr5PXd3AR6r0y6/F/HpT9CiBkqZd2bm+hSyrpxz8CNkC
        AwEAAQ==
        -----END PUBLIC KEY-----
        """
    private static let compressed = """
        -----BEGIN PUBLIC KEY-----
        MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgACc80ZDXzNP8FmC3DTBOoNaXNfvM9A
        SqgYTzbq/M11/pk=
        -----END PUBLIC KEY-----
        """

    @Test func `keys and certificates of each kind are read from one file, whatever stands between them`() throws {
        // J205 A PEM file holds public keys and certificates
        let text = [
            "the first", SigningKey.rsa.publicText, SigningKey.p256.publicText, "", SigningKey.ed25519.publicText,
            Self.certificate, SigningKey.rsaInItsOwnForm, Self.compressed, "the end",
        ].joined(separator: "\n")
        let keys = try read(text).get()
        #expect(keys.map(\.kind) == [.rsa, .p256, .ed25519, .p256, .rsa, .p256])
        #expect(keys[1] == keys[3], "a certificate's key is the key itself")
        #expect(keys[0] == keys[4] && keys[0] != keys[1])
    }

    @Test func `no block is no key, and no fault`() throws {
        for text in ["", "\n\n", "<html>", "-----BEGIN"] { #expect(try read(text).get().isEmpty) }
    }

    @Test(
        arguments: [
            (SigningKey.weakRSA.publicText, .weak(bits: 1_024)), (SigningKey.rsa.privateText, .isPrivate),
            (SigningKey.p384.publicText, .unsupported("secp384r1")),
            (SigningKey.k256.publicText, .unsupported("secp256k1")),
            (explicitCurve, .unsupported("a curve that is spelt out")), (rsaPSS, .unsupported("RSA-PSS")),
            (SigningKey.p256.publicText.replacing("MFkw", with: "MFkx"), .malformed),
            (SigningKey.p256.publicText.replacing("\n-----END", with: "\n*\n-----END"), .malformed),
            (String(SigningKey.p256.publicText.dropLast(30)), .malformed),
            ("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----", .unsupported("X509 CRL")),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", .malformed),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", .malformed),
        ] as [(String, PublicKeyError)])
    func `a bad key among good ones is named by its number`(text: String, error: PublicKeyError) {
        let whole = SigningKey.rsa.publicText + "\n" + text + "\n"
        #expect(read(whole) == .failure(NumberedKeyError(number: 2, error: error)))
    }

    @Test func `more keys than may be are not read`() {
        let text = String(repeating: SigningKey.p256.publicText + "\n", count: 4)
        #expect(read(text, most: 3) == .failure(NumberedKeyError(number: 4, error: .tooMany(most: 3))))
    }

    @Test func `numbers of RSA are held to their bounds`() {
        func modulus(bits: Int) -> [UInt8] { [UInt8](repeating: 0xFF, count: bits / 8) }
        func outcome(_ modulus: [UInt8], _ exponent: [UInt8]) -> PublicKeyError? {
            do throws(PublicKeyError) {
                _ = try PublicKey(modulus: modulus, exponent: exponent)
                return nil
            } catch {
                return error
            }
        }
        #expect(outcome(modulus(bits: 2_048), [1, 0, 1]) == nil)
        #expect(outcome([0, 0] + modulus(bits: 2_048), [0, 3]) == nil)
        #expect(outcome(modulus(bits: 8_192), [3]) == nil)
        #expect(outcome([0x7F] + modulus(bits: 2_040), [3]) == .weak(bits: 2_047))
        #expect(outcome([1] + modulus(bits: 8_192), [3]) == .large(bits: 8_200))
        #expect(outcome([UInt8](repeating: 0xFF, count: 700_000), [3]) == .large(bits: 5_600_000))
        #expect(outcome(modulus(bits: 2_048), [2]) == .exponent)
        #expect(outcome(modulus(bits: 2_048), [1]) == .exponent)
        #expect(outcome(modulus(bits: 2_048), []) == .exponent)
        #expect(outcome(modulus(bits: 2_048), [UInt8](repeating: 0xFF, count: 9)) == .exponent)
        #expect(outcome(modulus(bits: 2_048), [UInt8](repeating: 0xFF, count: 8)) == nil)
        #expect(outcome([], [3]) != nil)
    }

    @Test func `a point that is not on the curve is none`() {
        let one = [UInt8](repeating: 0, count: 31) + [1]
        for (x, y) in [(one, one), ([UInt8](repeating: 0, count: 32), [UInt8](repeating: 0, count: 32))] {
            #expect(throws: PublicKeyError.malformed) { try PublicKey(x: x, y: y) }
        }
        #expect(throws: PublicKeyError.malformed) { try PublicKey(x: one + [0], y: one) }
        #expect(throws: PublicKeyError.malformed) { try PublicKey(ed25519: [UInt8](repeating: 1, count: 31)) }
    }
}
