// Who may speak, and who may not.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct HandshakeTests {
    /// Two ends that greet one another.
    struct Pair {
        var dialer: Handshake
        var accepter: Handshake
        var dialerSays: [[UInt8]]
        var accepterSays: [[UInt8]]
        var secrets: (dialer: Authenticator?, accepter: Authenticator?)

        init(
            dialer: Hello = HandshakeTests.hello(1), accepter: Hello = HandshakeTests.hello(2),
            secrets: (String?, String?) = ("a", "a"),
            boundTo: Set<String>? = nil
        ) {
            var (first, second) = ([UInt8](), [UInt8]())
            self.dialer = Handshake(role: .dialed, hello: dialer, boundTo: nil, opening: &first)
            self.accepter = Handshake(role: .accepted, hello: accepter, boundTo: boundTo, opening: &second)
            (dialerSays, accepterSays) = ([first], [second])
            self.secrets = (secrets.0.map(Authenticator.test), secrets.1.map(Authenticator.test))
        }

        /// What the accepter makes of the dialer.
        mutating func greet() throws -> [Handshake.Step] {
            var steps: [Handshake.Step] = []
            for _ in 0..<2 {
                let (toAccepter, toDialer) = (dialerSays, accepterSays)
                (dialerSays, accepterSays) = ([], [])
                for bytes in toDialer {
                    for step in try Self.hear(bytes, &dialer, secrets.dialer) {
                        if case .send(let bytes) = step { dialerSays.append(bytes) }
                    }
                }
                for bytes in toAccepter where steps.isEmpty {
                    for step in try Self.hear(bytes, &accepter, secrets.accepter) {
                        if case .send(let bytes) = step { accepterSays.append(bytes) } else { steps.append(step) }
                    }
                }
            }
            return steps
        }

        private static func hear(_ bytes: [UInt8], _ end: inout Handshake, _ secret: Authenticator?) throws
            -> [Handshake.Step]
        {
            try FrameCodecTests.read(bytes).map { try end.received($0, authenticator: secret) }
        }
    }

    static func hello(_ number: UInt64, versions: ClosedRange<UInt16> = FrameCodec.versions) -> Hello {
        var hello = FrameCodecTests.hello(name: "member-\(number)", versions: versions)
        hello.member = MemberID(bits: number)
        hello.address = PeerAddress(host: "10.0.0.\(number)", port: 6_100)
        hello.nonce = Array(repeating: UInt8(number), count: 32)
        return hello
    }

    @Test(arguments: [("a", "a"), (nil, nil)] as [(String?, String?)])
    func `members with one secret, or none, are let in`(dialer: String?, accepter: String?) throws {
        var pair = Pair(secrets: (dialer, accepter))
        let steps = try pair.greet()
        guard case .proven(let hello) = try #require(steps.first) else {
            Issue.record("not let in")
            return
        }
        #expect(hello.member == MemberID(bits: 1))
        #expect(pair.dialer.proven?.member == MemberID(bits: 2))
    }

    // R675 … what one member proves itself with is among what the other accepts.
    @Test(arguments: [
        (["old"], ["old", "new"]), (["old", "new"], ["new", "old"]), (["new", "old"], ["new"]),
        (["a", "b"], ["b", "c", "a"]),
    ])
    func `members on the way from one secret to another let one another in, and hear what is sealed`(
        first: [String], second: [String]
    )
        throws
    {
        func authenticator(_ secrets: [String]) -> Authenticator {
            var result = Authenticator.test(secrets[0])
            result.others = secrets.dropFirst().map(Authenticator.test)
            return result
        }
        for (dialer, accepter) in [(first, second), (second, first)] {
            var pair = Pair(secrets: (nil, nil))
            pair.secrets = (authenticator(dialer), authenticator(accepter))
            let steps = try pair.greet()
            guard case .proven = try #require(steps.first) else {
                Issue.record("\(dialer) is not let in by \(accepter)")
                continue
            }
            var sealing = try #require(try pair.dialer.sealing(pair.secrets.dialer))
            var opening = try #require(try pair.accepter.opening())
            let sealed = sealing.seal(FrameCodec.encode(.goodbye(.leaving)))
            _ = try opening.open(sealed, in: 0..<sealed.count)
        }
    }

    @Test(arguments: [("b", "a"), (nil, "a"), ("a", nil)] as [(String?, String?)])
    func `without the secret nobody is let in`(dialer: String?, accepter: String?) throws {
        var pair = Pair(secrets: (dialer, accepter))
        let steps = try pair.greet()
        guard case .refuse(.secret) = try #require(steps.first) else {
            Issue.record("not refused: \(steps)")
            return
        }
        #expect(pair.accepter.proven == nil)
    }

    @Test func `what a member said once proves nothing the next time`() throws {
        var first = Pair()
        let opening = first.dialerSays
        // All that the dialer says the first time, kept by somebody who listens.
        var accepterNow = first.accepterSays
        var proof: [UInt8] = []
        for bytes in accepterNow {
            if case .send(let said) = try first.dialer.received(
                FrameCodecTests.read(bytes)[0], authenticator: .test("a"))
            {
                proof = said
            }
        }
        accepterNow = []
        var hello = Self.hello(2)
        hello.nonce = Array(repeating: 99, count: 32)
        var again = Pair(accepter: hello)
        again.dialerSays = opening + [proof]
        let steps = try again.greet()
        guard case .refuse(.secret) = try #require(steps.first) else {
            Issue.record("a replay was let in")
            return
        }
    }

    @Test func `a proof thrown back at who made it proves nothing`() throws {
        var opening: [UInt8] = []
        var victim = Handshake(role: .accepted, hello: Self.hello(1), boundTo: nil, opening: &opening)
        // The stranger says what it hears.
        guard case .send(let proof) = try victim.received(FrameCodecTests.read(opening)[0], authenticator: .test("a")),
            case .refuse(.secret) = try victim.received(FrameCodecTests.read(proof)[0], authenticator: .test("a"))
        else {
            Issue.record("an echo was let in")
            return
        }
    }

    @Test func `before the proof nothing else is listened to`() throws {
        for frame in FrameCodecTests.frames {
            switch frame {
            case .hello, .goodbye: continue
            default: break
            }
            var opening: [UInt8] = []
            var victim = Handshake(role: .accepted, hello: Self.hello(1), boundTo: nil, opening: &opening)
            do {
                _ = try victim.received(frame, authenticator: nil)
                Issue.record("\(frame) was listened to")
            } catch {
                #expect(error == .unexpected)
            }
        }
    }

    static let certificates: [(names: Set<String>?, isLetIn: Bool)] = [
        (nil, true), (["10.0.0.1"], true), (["member-1", "x"], true), (["10.0.0.2"], false), (["member-2"], false),
        ([], false),
    ]

    @Test(arguments: certificates)
    func `a member is who its certificate says`(names: Set<String>?, isLetIn: Bool) throws {
        var pair = Pair(boundTo: names)
        let steps = try pair.greet()
        let step = try #require(steps.first)
        if case .proven = step { #expect(isLetIn) } else { #expect(!isLetIn) }
    }

    @Test(
        arguments: [(2...2, 2), (1...9, 3), (3...3, 3), (2...3, 3), (1...2, 2), (1...1, nil), (4...5, nil)]
            as [(ClosedRange<UInt16>, UInt16?)])
    func `members speak the highest version that they have in common`(versions: ClosedRange<UInt16>, spoken: UInt16?)
        throws
    {
        var pair = Pair(dialer: Self.hello(1, versions: versions))
        let steps = try pair.greet()
        let step = try #require(steps.first)
        switch step {
        case .proven:
            #expect(pair.dialer.version == spoken)
            #expect(pair.accepter.version == spoken)
        case .refuse(.version): #expect(spoken == nil)
        default: Issue.record("\(step)")
        }
    }
}
