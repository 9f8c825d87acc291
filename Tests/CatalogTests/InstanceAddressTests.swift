// docs/feeds.md, A101–A103: which endpoints have an address.

import TestRandom
import Testing
import Text

@testable import Catalog

struct InstanceAddressTests {
    private func address(_ kind: Endpoint.Kind, _ value: String) -> InstanceAddress? {
        InstanceAddress(kind, Array(value.utf8)[...])
    }

    @Test(arguments: [
        (Endpoint.Kind.tcp, "10.0.0.1:80", "10.0.0.1:80"), (.udp, "10.0.0.1:53", "10.0.0.1:53"),
        (.tcp, "[fd00::0:1]:65535", "[fd00::1]:65535"), (.tcp, "[::ffff:10.0.0.1]:1", "10.0.0.1:1"),
        (.tcp, "host-1.example:80", "host-1.example:80"), (.tcp, "Host.Example.:80", "host.example:80"),
        (.tcp, "web_1:80", "web_1:80"), (.tcp, "3com.net:80", "3com.net:80"),
        (.http, "10.0.0.1", "10.0.0.1:80"), (.https, "10.0.0.1", "10.0.0.1:443"),
        (.http, "http://host:8080/a?b#c", "host:8080"), (.http, "HTTPS://host", "host:443"),
        (.https, "http://[::1]/", "[::1]:80"), (.https, "host/path:1", "host:443"), (.http, "host?x=[", "host:80"),
        (.http, "host:8080", "host:8080"),
    ])
    func `A101: a host and a port are an address, and for HTTP a URL is`(
        kind: Endpoint.Kind, value: String, expected: String
    ) {
        #expect(address(kind, value)?.description == expected)
    }

    @Test(arguments: [
        (Endpoint.Kind.user, "10.0.0.1:80"), (.tcp, ""), (.tcp, "10.0.0.1"), (.tcp, "10.0.0.1:"), (.tcp, ":80"),
        (.tcp, "10.0.0.1:0"), (.tcp, "10.0.0.1:65536"), (.tcp, "10.0.0.1:080"), (.tcp, "10.0.0.1:+80"),
        (.tcp, "10.0.0.1:80 "), (.tcp, " 10.0.0.1:80"), (.tcp, "10.0.0.1:80/"), (.tcp, "http://10.0.0.1:80"),
        (.tcp, "fd00::1:80"), (.tcp, "[fd00::1]"), (.tcp, "[fd00::1:80"), (.tcp, "[10.0.0.1]:80"),
        (.tcp, "[host]:80"), (.tcp, "[fe80::1%eth0]:80"), (.tcp, "[fd00::1]80"), (.tcp, "0.0.0.0:80"),
        (.tcp, "[::]:80"), (.tcp, "[::ffff:0.0.0.0]:80"), (.http, "http://"), (.http, "http:///path"),
        (.http, "http://user:secret@host/"), (.http, "http://host:/"), (.http, "ftp://host/"), (.http, "[::1]:x"),
        (.tcp, "10.0.0.1:999999999999999999999"),
    ])
    func `A103: anything else has none`(kind: Endpoint.Kind, value: String) {
        #expect(address(kind, value) == nil, "\(value)")
    }

    @Test(arguments: [
        "10.0.0.256", "010.0.0.1", "10.0.1", "1", "host.1", "-host", "host-", "a..b", ".a", ".", "..", "a b", "a,b",
        "h\u{F6}st", "a%20b", "a/b", "*.a", String(repeating: "a", count: 64),
        String(repeating: "a.", count: 128),
    ])
    func `A102: what is no host name has no address`(host: String) {
        #expect(address(.tcp, host + ":80") == nil)
    }

    @Test func `A102: names are as long as names may be`() {
        let label = String(repeating: "a", count: 63)
        let name = [label, label, label, String(repeating: "b", count: 61)].joined(separator: ".")
        #expect(address(.tcp, "\(name):80")?.host == .name(name))
        #expect(address(.tcp, "\(name).:80")?.host == .name(name))
        #expect(address(.tcp, "\(name)b:80") == nil)
    }

    @Test func `the scheme that is written counts, else the type's`() {
        #expect(address(.https, "a:1")?.isHTTPS == true)
        #expect(address(.http, "a:1")?.isHTTPS == false)
        #expect(address(.http, "https://a:1")?.isHTTPS == true)
        #expect(address(.https, "http://a:1")?.isHTTPS == false)
        #expect(address(.tcp, "a:1")?.isHTTPS == false)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `an address that was read is read again as itself, whatever the value`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let pieces = ["10.0.0.1", "[", "]", ":", "80", "fd00::1", "http://", "a", ".", "-", "/", "0", "_", "é", " "]
        for _ in 0..<4_000 {
            let value = (0..<Int.random(in: 0...5, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            let kind = Endpoint.Kind.allCases.randomElement(using: &random)!
            let instance = makeInstance(1, kind: kind, value: value)
            let found = InstanceAddress(instance)
            #expect(instance.hasAddress == (found != nil), "\(value), seed \(seed)")
            guard let found else { continue }
            let again = address(.tcp, found.description)
            #expect(again?.host == found.host && again?.port == found.port, "\(value), seed \(seed)")
        }
    }

    @Test func `A103: what has no address is counted while it is registered`() {
        let store = Store(namespaceCapacity: nil)
        let namespace = Namespace("a")
        func register(_ id: UInt64, _ value: String) {
            _ = store.register(makeInstance(id, value: value), in: namespace, at: moment(0), by: nil)
        }
        register(1, "10.0.0.1:80")
        #expect(store.unaddressable == 0)
        register(2, "10.0.0.1:x")
        register(3, "nowhere:0")
        #expect(store.unaddressable == 2)
        register(3, "somewhere:1")
        #expect(store.unaddressable == 1)
        register(1, "no where")
        #expect(store.unaddressable == 2)
        _ = store.deregister(.digest(1), in: namespace, evenIfUnknown: false, at: moment(1), by: nil)
        #expect(store.unaddressable == 1)
        _ = store.expire(at: moment(60_000), budget: 100)
        #expect(store.unaddressable == 0)
        store.checkInvariants()
    }
}
