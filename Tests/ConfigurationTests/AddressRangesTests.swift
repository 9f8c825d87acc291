// Which proxies a list of ranges means.

import Testing

@testable import Configuration

@Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.1", "192.0.2.1", true),
    ("192.0.2.1", "192.0.2.2", false), ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
    ("2001:db8::/32", "2001:db8:1::1", true), ("2001:db8::/32", "2001:db9::1", false), ("::/0", "10.0.0.1", true),
    // An IPv4 client of a socket that serves both.
    ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("10.0.0.0/8", "::10.1.2.3", false), ("fe80::/10", "fe80::1%eth0", true),
    ("172.16.0.0/12,::1", "::1", true), ("172.16.0.0/12,::1", "172.31.255.255", true),
    ("172.16.0.0/12,::1", "172.32.0.0", false),
    ("10.0.0.0/8", "localhost", false), ("10.0.0.0/8", "", false),
])
func `an address lies in a range or it does not`(ranges: String, address: String, isInside: Bool) throws {
    #expect(try #require(AddressRanges(ranges)).contains(address) == isInside)
}
