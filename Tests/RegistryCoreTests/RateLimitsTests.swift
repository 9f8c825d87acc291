// The allowances by themselves.

import Catalog
import Libevent
import TestTime
import Testing
import Time

@testable import Configuration
@testable import RegistryCore

private let second: Int64 = 1_000_000_000

struct RateLimitsTests {
    private static let namespace = Namespace("a")

    private func limits(_ change: (inout Settings) -> Void) -> RateLimits {
        var settings = Settings.defaults
        change(&settings)
        return RateLimits(settings)
    }

    @Test func `no limit is on by default`() throws {
        let limits = limits { _ in }
        for _ in 0..<10_000 {
            try limits.charge(client: "192.0.2.1", isHeartbeat: false, at: 0)
            try limits.charge(namespace: Self.namespace, isHeartbeat: true, at: 0)
        }
    }

    @Test func `a limit is turned on, raised and turned off while requests come`() throws {
        // R915 … rate limits … are taken over at once.
        let limits = limits { _ in }
        func served(of count: Int) -> Int {
            (0..<count).count { _ in (try? limits.charge(namespace: Self.namespace, isHeartbeat: false, at: 0)) != nil }
        }
        var settings = Settings.defaults
        #expect(served(of: 100) == 100)
        settings.rateLimitNamespace = 5
        limits.change(settings)
        #expect(served(of: 100) == 10)
        settings.rateLimitBurst = .seconds(4)
        limits.change(settings)
        #expect(served(of: 100) == 10)
        settings.rateLimitNamespace = nil
        limits.change(settings)
        #expect(served(of: 100) == 100)
    }

    @Test func `a flood of look-ups leaves the heartbeats' allowance whole`() throws {
        let limits = limits {
            $0.rateLimitNamespace = 5
            $0.rateLimitNamespaceHeartbeats = 5
            $0.rateLimitClient = 5
            $0.rateLimitClientHeartbeats = 5
        }
        for _ in 0..<1_000 {
            try? limits.charge(client: "192.0.2.1", isHeartbeat: false, at: 0)
            try? limits.charge(namespace: Self.namespace, isHeartbeat: false, at: 0)
        }
        for _ in 0..<10 {
            try limits.charge(client: "192.0.2.1", isHeartbeat: true, at: 0)
            try limits.charge(namespace: Self.namespace, isHeartbeat: true, at: 0)
        }
        #expect(limits.refused(.client) == 990)
        #expect(limits.refused(.namespace) == 990)
        #expect(limits.refused(.clientHeartbeats) == 0)
    }

    @Test func `one client's flood is not another's`() throws {
        let limits = limits { $0.rateLimitClient = 1 }
        for _ in 0..<100 { try? limits.charge(client: "192.0.2.1", isHeartbeat: false, at: 0) }
        try limits.charge(client: "192.0.2.2", isHeartbeat: false, at: 0)
    }

    @Test func `a refusal says in whole seconds when to come back`() throws {
        // R824 A request beyond the allowance of its client address or its namespace is answered 429 with Retry-After
        // in whole seconds, after which the same request finds an allowance unless others have used it up.
        let limits = limits { $0.rateLimitClient = 1 }
        try limits.charge(client: "::1", isHeartbeat: false, at: 0)
        try limits.charge(client: "::1", isHeartbeat: false, at: 0)
        #expect(throws: AdmissionRefusal.overAllowance(.client, retryAfter: 1)) {
            try limits.charge(client: "::1", isHeartbeat: false, at: MonotonicTime(nanoseconds: second / 2))
        }
        try limits.charge(client: "::1", isHeartbeat: false, at: MonotonicTime(nanoseconds: second / 2 + second))
    }

    @Test(arguments: [
        ("192.0.2.1", "::ffff:192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("2001:db8::1", "2001:db8::ffff:2", true),
        ("2001:db8::1", "2001:db8:0:1::1", false), ("::1", "0.0.0.1", false),
        // Who is met on a link of ours is told by its address with the interface behind it, and is no less limited.
        ("fe80::1%eth0", "fe80::2%eth0", true), ("fe80::1%eth0", "fe80::1", true),
        ("fe80::1%eth0", "2001:db8::1", false),
    ])
    func `an IPv4 address is a client, and so is an IPv6 network`(_ one: String, _ other: String, _ same: Bool) {
        #expect((ClientKey(numeric: one) == ClientKey(numeric: other)) == same)
        #expect(ClientKey(numeric: one) != nil && ClientKey(numeric: other) != nil)
    }

    @Test func `a host name is no client's address`() {
        #expect(ClientKey(numeric: "localhost") == nil)
        #expect(ClientKey(numeric: "") == nil)
        #expect(ClientKey(numeric: "%eth0") == nil)
    }
}
