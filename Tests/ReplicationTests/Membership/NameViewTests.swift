// Members by name: what the last good look-up said holds, whatever the resolver does afterwards.

import TestTime
import Testing
import Text
import Time

@testable import Replication

struct NameViewTests {
    private static func name(_ text: String, _ meaning: PeerName.Meaning = .members) throws -> PeerName {
        try #require(PeerName(text, meaning: meaning))
    }

    private static func hosts(_ texts: String...) -> [IPAddress] { texts.compactMap { IPAddress($0) } }

    private static func addresses(_ texts: String...) -> Set<PeerAddress> { Set(texts.compactMap { PeerAddress($0) }) }

    @Test func `numbers need no look-up`() throws {
        let view = NameView([try Self.name("10.0.0.1:1"), try Self.name("10.0.0.2")], defaultPort: 7)
        #expect(view.names.isEmpty)
        #expect(view.isComplete)
        #expect(view.members == Self.addresses("10.0.0.1:1", "10.0.0.2:7"))
    }

    @Test func `every address of the members' name is a member, of both families`() throws {
        let name = try Self.name("registry")
        var view = NameView([name], defaultPort: 7)
        #expect(!view.isComplete)
        let expected = Self.addresses("10.0.0.1:7", "10.0.0.2:7", "[fd00::1]:7")
        #expect(
            view.resolved(name, Self.hosts("10.0.0.2", "10.0.0.1", "fd00::1", "10.0.0.1")) == [
                .resolved(name, expected)
            ])
        #expect(view.members == expected)
        #expect(view.isComplete)
    }

    @Test func `of one member's name the IPv4 addresses are enough`() throws {
        let name = try Self.name("registry-1:9", .member)
        var view = NameView([name], defaultPort: 7)
        _ = view.resolved(name, Self.hosts("fd00::1", "10.0.0.1"))
        #expect(view.members == Self.addresses("10.0.0.1:9"))
        _ = view.resolved(name, Self.hosts("fd00::1"))
        #expect(view.members == Self.addresses("[fd00::1]:9"))
    }

    @Test func `a failing look-up is said once and takes nobody away`() throws {
        let name = try Self.name("registry")
        var view = NameView([name], defaultPort: 7)
        let found = Self.addresses("10.0.0.1:7")
        #expect(view.resolved(name, Self.hosts("10.0.0.1")) == [.resolved(name, found)])
        #expect(view.resolved(name, Self.hosts("10.0.0.1")) == [])
        #expect(view.failed(name, reason: "timeout", isAnswer: false) == [.unresolved(name, reason: "timeout")])
        #expect(view.failed(name, reason: "timeout", isAnswer: false) == [])
        #expect(view.resolved(name, []) == [])
        #expect(view.members == found)
        #expect(view.resolved(name, Self.hosts("10.0.0.1")) == [.resolved(name, found)])
        #expect(view.failed(name, reason: "timeout", isAnswer: false) == [.unresolved(name, reason: "timeout")])
    }

    @Test func `a name that never had an address leaves the view incomplete`() throws {
        let (good, bad) = (try Self.name("good"), try Self.name("bad"))
        var view = NameView([good, bad], defaultPort: 7)
        _ = view.resolved(good, Self.hosts("10.0.0.1"))
        _ = view.failed(bad, reason: "unknown", isAnswer: false)
        #expect(!view.isComplete)
        _ = view.resolved(bad, Self.hosts("10.0.0.2"))
        _ = view.failed(bad, reason: "unknown", isAnswer: false)
        #expect(view.isComplete)
    }

    @Test func `a name that is known to have no address stands for nobody`() throws {
        let (good, bad) = (try Self.name("good"), try Self.name("bad"))
        var view = NameView([good, bad], defaultPort: 7)
        _ = view.resolved(good, Self.hosts("10.0.0.1"))
        #expect(view.failed(bad, reason: "no such host", isAnswer: true) == [.unresolved(bad, reason: "no such host")])
        #expect(view.isComplete)
    }

    @Test func `an address that a name no longer has is no member, unless another name has it`() throws {
        let (first, second) = (try Self.name("first"), try Self.name("second"))
        var view = NameView([first, second], defaultPort: 7)
        _ = view.resolved(first, Self.hosts("10.0.0.1", "10.0.0.2", "10.0.0.3"))
        _ = view.resolved(second, Self.hosts("10.0.0.2"))
        _ = view.resolved(first, Self.hosts("10.0.0.3"))
        #expect(view.members == Self.addresses("10.0.0.2:7", "10.0.0.3:7"))
    }

    @Test func `a name with no end of addresses is cut`() throws {
        let name = try Self.name("registry")
        var view = NameView([name], defaultPort: 7)
        let hosts = (0..<1_000).compactMap { IPAddress("10.0.\($0 / 256).\($0 % 256)") }
        _ = view.resolved(name, hosts)
        let first = view.members
        #expect(first.count == NameView.mostAddresses)
        // The same whatever order the resolver gives.
        #expect(view.resolved(name, hosts.reversed()) == [])
        #expect(view.members == first)
    }
}

struct MemberSourcesTests {
    private static func report(_ source: MemberSource, _ texts: String..., isComplete: Bool = true) -> MembershipReport
    {
        MembershipReport(
            source: source, addresses: Set(texts.compactMap { PeerAddress($0) }), isComplete: isComplete, events: [])
    }

    @Test func `all sources together say whom to dial, and nobody dials himself`() {
        let own = PeerAddress(host: "10.0.0.1", port: 6100)
        let alias = PeerAddress(host: "127.0.0.1", port: 6100)
        var sources = MemberSources(own: [own, alias], sources: [.directory, .names])
        let first = sources.take(Self.report(.directory, "10.0.0.1:6100", "10.0.0.2:6100"))
        #expect(first.map(\.description) == ["10.0.0.2:6100"])
        let second = sources.take(Self.report(.names, "127.0.0.1:6100", "127.0.0.1:6101", "10.0.0.2:6100"))
        #expect(second.sorted().map(\.description) == ["10.0.0.2:6100", "127.0.0.1:6101"])
        let third = sources.take(Self.report(.directory))
        #expect(third.sorted().map(\.description) == ["10.0.0.2:6100", "127.0.0.1:6101"])
        #expect(sources.addresses == third)
    }

    @Test func `nobody is known to be alone before every source has seen all that it can`() {
        var sources = MemberSources(own: [], sources: [.directory, .names])
        #expect(!sources.isComplete)
        _ = sources.take(Self.report(.directory))
        #expect(!sources.isComplete)
        _ = sources.take(Self.report(.names, isComplete: false))
        #expect(!sources.isComplete)
        _ = sources.take(Self.report(.names))
        #expect(sources.isComplete)
        _ = sources.take(Self.report(.names, isComplete: false))
        #expect(sources.isComplete, "once is enough")
    }

    @Test func `without a source there is nobody to wait for`() {
        #expect(MemberSources(own: [], sources: []).isComplete)
    }
}
