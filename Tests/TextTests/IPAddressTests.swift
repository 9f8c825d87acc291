// One address, one value: held against the C library's reader and writer of addresses.

import Glibc
import TestRandom
import Testing
import Text

struct IPAddressTests {
    @Test(arguments: [
        ("10.0.0.1", "10.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("fd00::1", "fd00::1"),
        ("FD00:0:0:0:0:0:0:1", "fd00::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:0db8::0:1", "2001:db8::1"), ("::", "::"),
        ("0:0:0:0:0:0:0:0", "::"), ("::1", "::1"), ("1::", "1::"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("::ffff:10.0.0.1", "::ffff:a00:1"), ("1:2:3:4:5:6:10.0.0.1", "1:2:3:4:5:6:a00:1"), ("::10.0.0.1", "::a00:1"),
    ])
    func `an address has one spelling`(text: String, spelling: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == spelling)
        #expect(IPAddress(spelling) == address)
        #expect(IPAddress(octets: address.octets) == address)
    }

    @Test(arguments: [
        "", ".", ":", ":::", "10.0.0", "10.0.0.", ".10.0.0", "10..0.1", "10.0.0.1.2", "10.0.0.01", "00.0.0.0",
        "10.0.0.256", "10.0.0.-1",
        "10.0.0.1\n",
        " 10.0.0.1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", ":1::2",
        "1::2:",
        "fd00::12345",
        "fd00::g", "fd00::-1", "fd00::+1", "fe80::1%eth0", "::10.0.0.1.2", "10.0.0.1::", "::10.0.0.1:1",
        "1:2:3:4:5:6:7:10.0.0.1", "[::1]",
        "10.0.0.1/8", "10.0.0.1:80", "registry", "١0.0.0.1", "1:2:3:4:5:6:7:8\0",
        "0000:0000:0000:0000:0000:ffff:255.255.255.2550",
    ])
    func `anything else is no address`(text: String) {
        #expect(IPAddress(text) == nil)
        #expect(IPAddress(utf8: Array(text.utf8).span) == nil)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `what is read is what the C library reads`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<2_000 {
            let text = Self.text(&random)
            #expect(IPAddress(text)?.octets == Self.octets(text), "\(text), seed \(seed)")
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `what is written is read back, by the C library too`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for _ in 0..<500 {
            // Zeros are what an address leaves out.
            let octets = (0..<(Bool.random(using: &random) ? 4 : 16)).map { _ in
                Bool.random(using: &random) ? 0 : UInt8.random(in: 0...255, using: &random)
            }
            let address = try #require(IPAddress(octets: octets))
            #expect(address.octets == octets)
            #expect(IPAddress(address.description) == address, "seed \(seed)")
            #expect(Self.octets(address.description) == octets, "seed \(seed)")
        }
    }

    @Test(
        arguments: [
            ("127.0.0.1", [true, false, false]), ("127.255.0.1", [true, false, false]),
            ("128.0.0.1", [false, false, false]),
            ("::1", [true, false, false]), ("::2", [false, false, false]), ("169.254.0.1", [false, true, false]),
            ("169.255.0.1", [false, false, false]),
            ("fe80::1", [false, true, false]), ("febf::1", [false, true, false]), ("fec0::1", [false, false, false]),
            ("fe8::1", [false, false, false]),
            ("0.0.0.0", [false, false, true]), ("::", [false, false, true]), ("0.0.0.1", [false, false, false]),
        ] as [(String, [Bool])])
    func `an address is of the loopback, of one link, or of every interface`(text: String, kinds: [Bool]) throws {
        let address = try #require(IPAddress(text))
        #expect([address.isLoopback, address.isLinkLocal, address.isUnspecified] == kinds)
    }

    @Test func `an IPv4 address and its mapped form have the same 128 bits, and one unmapped form`() throws {
        let (four, mapped) = (try #require(IPAddress("10.0.0.1")), try #require(IPAddress("::ffff:10.0.0.1")))
        #expect(four != mapped && four.mappedBits == mapped.mappedBits)
        #expect(mapped.unmapped == four && four.unmapped == four)
        for other in ["::10.0.0.1", "::fffe:a00:1", "1::ffff:a00:1"] {
            let address = try #require(IPAddress(other))
            #expect(address.unmapped == address)
        }
    }

    @Test func `addresses are in the order of their numbers, IPv4 first`() {
        let sorted = ["0.0.0.9", "10.0.0.2", "10.0.0.10", "::", "::1", "2001:db8::1"]
        #expect(sorted.shuffled().compactMap { IPAddress($0) }.sorted().map(\.description) == sorted)
    }

    /// Something like an address, and often one.
    private static func text(_ random: inout SplitMix64) -> String {
        let isSix = Bool.random(using: &random)
        let count = Int.random(in: isSix ? 5...9 : 3...5, using: &random)
        var parts = (0..<count).map { _ in
            isSix
                ? String(
                    Int.random(in: 0...0x1_00FF, using: &random) >> Int.random(in: 0...16, using: &random), radix: 16)
                : "\(Int.random(in: 0...260, using: &random))"
        }
        if isSix, Bool.random(using: &random) { parts[Int.random(in: 0..<count, using: &random)] = "" }
        if isSix, Int.random(in: 0..<4, using: &random) == 0 {
            parts[count - 1] = "10.0.\(Int.random(in: 0...300, using: &random)).1"
        }
        var text = parts.joined(separator: isSix ? ":" : ".")
        if Int.random(in: 0..<8, using: &random) == 0, let index = text.indices.randomElement(using: &random) {
            text.replaceSubrange(index...index, with: [":", ".", "0", "x"].randomElement(using: &random) ?? "")
        }
        return isSix && Int.random(in: 0..<4, using: &random) == 0 ? ":\(text)" : text
    }

    private static func octets(_ text: String) -> [UInt8]? {
        var octets = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &octets) == 1 { return Array(octets[..<4]) }
        return inet_pton(AF_INET6, text, &octets) == 1 ? octets : nil
    }
}
