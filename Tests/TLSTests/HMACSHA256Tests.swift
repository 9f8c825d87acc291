// The test cases of RFC 4231, each under a key prepared once and used again.

import TLS
import Testing

private func repeated(_ byte: UInt8, _ count: Int) -> [UInt8] { [UInt8](repeating: byte, count: count) }

struct KnownCode: Sendable {
    let key: [UInt8]
    let message: [UInt8]
    let code: String

    static let all: [KnownCode] = [
        KnownCode(
            key: repeated(0x0b, 20), message: Array("Hi There".utf8),
            code: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        KnownCode(
            key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8),
            code: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        KnownCode(
            key: repeated(0xaa, 20), message: repeated(0xdd, 50),
            code: "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        KnownCode(
            key: Array(1...25), message: repeated(0xcd, 50),
            code: "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        KnownCode(
            key: repeated(0xaa, 131), message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            code: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        KnownCode(
            key: repeated(0xaa, 131),
            message: Array(
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
            code: "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        // Neither key nor message: not of the RFC, but the same from every implementation.
        KnownCode(key: [], message: [], code: "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
    ]
}

@Test(arguments: KnownCode.all)
func `HMAC-SHA-256 gives the known code, again and again under one prepared key`(known: KnownCode) throws {
    let prepared = try HMACSHA256(key: known.key)
    for _ in 0..<3 {
        #expect(hexadecimal(prepared.code(for: known.message)) == known.code)
        #expect(hexadecimal(prepared.code(for: Array("another message".utf8))) != known.code)
    }
}

@Test func `a code is valid whole and unchanged, for its own message and key`() throws {
    let prepared = try HMACSHA256(key: Array("Jefe".utf8))
    let message = Array("what do ya want for nothing?".utf8)
    let code = prepared.code(for: message)
    func isValid(_ code: [UInt8], _ message: [UInt8]) -> Bool { prepared.isValid(code.span, for: message.span) }
    #expect(isValid(code, message))
    for index in code.indices {
        var changed = code
        changed[index] ^= 1
        #expect(!isValid(changed, message), "byte \(index)")
    }
    #expect(!isValid(code.dropLast(), message))
    #expect(!isValid(code + [0], message))
    #expect(!isValid([], message))
    #expect(!isValid(code, message.dropLast()))
    #expect(try HMACSHA256(key: Array("jefe".utf8)).code(for: message) != code)
}
