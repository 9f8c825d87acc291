// Known answers of FIPS 180-4's examples, and the shortcut against the whole.

import TLS
import Testing

func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
}

@Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
])
func `SHA-256 gives the known digest, and its first eight bytes as a number`(message: String, digest: String) {
    let bytes = Array(message.utf8)
    #expect(hexadecimal(SHA256.digest(of: bytes)) == digest)
    let prefix = SHA256.prefix64(of: bytes)
    let digits = String(prefix, radix: 16)
    #expect(String(repeating: "0", count: 16 - digits.count) + digits == digest.prefix(16))
}

@Test func `a slice is hashed as its own bytes`() {
    let bytes = Array("xabcx".utf8)
    let digest = SHA256.digest(of: bytes[1..<4].span)
    let prefix = SHA256.prefix64(of: bytes[1..<4].span)
    #expect(digest == SHA256.digest(of: Array("abc".utf8)))
    #expect(prefix == 0xba78_16bf_8f01_cfea)
}

@Test func `threads may hash at once`() async {
    let digests = await withTaskGroup(of: UInt64.self) { group in
        for _ in 0..<8 {
            group.addTask { (0..<500).reduce(0) { sum, _ in sum &+ SHA256.prefix64(of: Array("abc".utf8)) } }
        }
        return await group.reduce(into: Set<UInt64>()) { $0.insert($1) }
    }
    #expect(digests == [0xba78_16bf_8f01_cfea &* 500])
}
