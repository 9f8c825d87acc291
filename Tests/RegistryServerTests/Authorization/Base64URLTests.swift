// One byte string, one spelling.

import Testing

@testable import RegistryServer

@Test(
    arguments: [
        ("", []), ("AA", [0]), ("_w", [255]), ("-_8", [251, 255]), ("AAAA", [0, 0, 0]), ("Zm9vYmFy", Array("foobar".utf8)),
        ("Zm9vYmE", Array("fooba".utf8)),
        ("Zm9vYg", Array("foob".utf8)), ("____", [255, 255, 255]),
    ] as [(String, [UInt8])])
func `base64url without padding is decoded`(text: String, expected: [UInt8]) {
    #expect(Base64URL.decode(Array(text.utf8)[...]) == expected)
    #expect(Forge.base64URL(expected) == text)
}

@Test(arguments: [
    "A", "AAAAA", "AA==", "AA=", "=", "AAA=", "AB", "_x", "-_9", "Zm9vYh", "+/8", "A A", "AA\n", " AA", "AAé", "A.A", "AA\0A",
])
func `padding, another alphabet, white space and stray bits are refused`(text: String) {
    #expect(Base64URL.decode(Array(text.utf8)[...]) == nil)
}

@Test func `no two spellings of up to three characters mean the same bytes`() {
    let characters = (UInt8.min...UInt8.max).filter { Base64URL.value(of: $0) != nil }
    #expect(characters.count == 64)
    var seen: Set<[UInt8]> = []
    for first in characters {
        for second in characters {
            if let bytes = Base64URL.decode([first, second]) { #expect(seen.insert(bytes).inserted) }
            for third in characters {
                if let bytes = Base64URL.decode([first, second, third]), !seen.insert(bytes).inserted {
                    Issue.record("\(bytes) has two spellings")
                }
            }
        }
    }
    #expect(seen.count == 256 + 65_536)
}
