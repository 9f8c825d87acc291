// Two texts of one address are one member.

import Testing

@testable import Replication

struct PeerAddressTests {
    @Test(arguments: [
        ("10.0.0.1:6100", "10.0.0.1:6100"),
        ("[fd00::1]:6100", "[fd00::1]:6100"),
        ("[FD00:0:0:0:0:0:0:1]:1", "[fd00::1]:1"),
        ("[2001:db8:0:0:1:0:0:1]:65535", "[2001:db8::1:0:0:1]:65535"),
        ("[2001:0db8::0:1]:80", "[2001:db8::1]:80"),
        ("[::]:80", "[::]:80"),
        ("[1:2:3:4:5:6:7::]:80", "[1:2:3:4:5:6:7:0]:80"),
        ("[::ffff:10.0.0.1]:80", "[::ffff:a00:1]:80"),
    ])
    func `an address has one spelling`(text: String, spelling: String) throws {
        let address = try #require(PeerAddress(text))
        #expect(address.description == spelling)
        #expect(PeerAddress(spelling) == address)
    }

    @Test(arguments: [
        "", ":", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:+1", "10.0.0.1: 1", "10.0.0:1",
        "10.0.0.1.2:1",
        "10.0.0.01:1", "10.0.0.256:1", "10.0.0.-1:1", "registry:1", "[10.0.0.1]:1", "fd00::1:6100", "[fd00::1]",
        "[fd00::1:6100",
        "[::1::]:1", "[1:2:3:4:5:6:7]:1", "[1:2:3:4:5:6:7:8:9]:1", "[1:2:3:4:5:6:7:8::]:1", "[fd00::12345]:1",
        "[fd00::g]:1",
        "[fe80::1%eth0]:1",
        "[::10.0.0.1.2]:1", "[10.0.0.1::]:1", "[:::]:1", "10.0.0.1:6100\n", "١0.0.0.1:1",
    ])
    func `anything else is no address`(text: String) {
        #expect(PeerAddress(text) == nil)
    }
}
