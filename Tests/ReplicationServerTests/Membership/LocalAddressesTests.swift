// What a member advertises, and what it never dials.

import Replication
import Testing
import Text

@testable import ReplicationServer

struct LocalAddressesTests {
    @Test(arguments: [
        ([], "127.0.0.1"),
        (["127.0.0.1", "::1"], "127.0.0.1"),
        (["127.0.0.1", "10.0.0.1", "192.168.0.1"], "10.0.0.1"),
        (["127.0.0.1", "169.254.3.4", "192.168.0.1"], "192.168.0.1"),
        (["127.0.0.1", "::1", "fd00::1", "10.0.0.1"], "10.0.0.1"),
        (["127.0.0.1", "::1", "fe80::1", "fd00::1"], "fd00::1"),
        (["127.0.0.1", "fe80::1"], "127.0.0.1"),
    ])
    func `the first address that others can reach is advertised, IPv4 before IPv6`(
        interfaces: [String], expected: String
    ) {
        #expect(LocalAddresses.advertised(among: interfaces.compactMap { IPAddress($0) }).description == expected)
    }

    @Test(arguments: [
        ("0.0.0.0", ["10.0.0.1:6100", "127.0.0.1:6100", "192.0.2.1:6100"]),
        ("::", ["10.0.0.1:6100", "127.0.0.1:6100", "192.0.2.1:6100"]),
        ("127.0.0.2", ["127.0.0.2:6100", "192.0.2.1:6100"]),
    ])
    func `what we listen on is ours, and another loopback address may be another member's`(
        listening: String, expected: [String]
    ) {
        let own = LocalAddresses.own(
            advertised: PeerAddress(host: "192.0.2.1", port: 6100), listening: listening,
            among: ["127.0.0.1", "10.0.0.1"].compactMap { IPAddress($0) })
        #expect(own.map(\.description).sorted() == expected)
    }

    @Test func `this machine's own address can be advertised and is its own`() {
        let host = LocalAddresses.advertised()
        #expect(!host.isUnspecified)
        let own = LocalAddresses.own(advertised: PeerAddress(host: host, port: 6100), listening: "0.0.0.0")
        #expect(own.contains(PeerAddress(host: host, port: 6100)))
        #expect(own.contains(PeerAddress(host: "127.0.0.1", port: 6100)), "the loopback is up: \(own)")
    }
}
