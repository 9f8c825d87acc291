// What an operator may write into the list of peers and as the name of the members.

import Testing

@testable import Replication

struct PeerNameTests {
    @Test(arguments: [
        ("registry", "registry", nil), ("registry:6100", "registry", 6100),
        ("registry-2.example.org.:1", "registry-2.example.org.", 1),
        ("my_registry:65535", "my_registry", 65535), ("10.0.0.1", "10.0.0.1", nil), ("10.0.0.1:6100", "10.0.0.1", 6100),
        ("fd00::1", "fd00::1", nil), ("[fd00::1]", "fd00::1", nil), ("[FD00:0::1]:6100", "fd00::1", 6100),
        ("10.example:6100", "10.example", 6100),
    ])
    func `a name and a port`(text: String, host: String, port: UInt16?) throws {
        let name = try #require(PeerName(text, meaning: .member))
        #expect(name.host == host)
        #expect(name.port == port)
        // What is shown can be read again.
        #expect(PeerName(name.description, meaning: .member) == name)
    }

    @Test(arguments: [
        "", ":6100", "registry:", "registry:0", "registry:65536", "registry:+1", "registry:6100:1", "a b", "a..b", ".",
        "-\u{e9}",
        "http://registry:6100",
        "registry/", "10.0.0.256", "10.0.0.1:0", "10.0.0.01:6100", "10.0.0", "[10.0.0.1]:6100", "[fd00::1",
        "fe80::1%eth0", "[]", "12345",
        String(repeating: "a", count: 64), String(repeating: "a.", count: 127),
    ])
    func `anything else is refused`(text: String) {
        #expect(PeerName(text, meaning: .member) == nil)
    }

    @Test func `a list has its entries in order and each once`() throws {
        let names = try #require(PeerName.list("b:2, a:1,b:2,[fd00::1]:3"))
        #expect(names.map(\.description) == ["b:2", "a:1", "[fd00::1]:3"])
    }

    @Test(arguments: ["", ",", "a:1,", "a:1,,b:2", "a:1 b:2,c d", "a:1;b:2"])
    func `a list with one wrong entry is refused whole`(text: String) {
        #expect(PeerName.list(text) == nil)
    }

    @Test func `a list may be as long as the limit and no longer`() {
        let entries = (1...PeerName.mostEntries + 1).map { "registry-\($0):6100" }
        #expect(PeerName.list(entries.dropLast().joined(separator: ","))?.count == PeerName.mostEntries)
        #expect(PeerName.list(entries.joined(separator: ",")) == nil)
    }

    @Test func `only a number needs no look-up, and its port may be ours`() {
        #expect(
            PeerName("10.0.0.1", meaning: .member)?.address(defaultPort: 7) == PeerAddress(host: "10.0.0.1", port: 7))
        #expect(
            PeerName("[fd00::1]:8", meaning: .member)?.address(defaultPort: 7) == PeerAddress(host: "fd00::1", port: 8))
        #expect(PeerName("registry:8", meaning: .member)?.address(defaultPort: 7) == nil)
    }
}
