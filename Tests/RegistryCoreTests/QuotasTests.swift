// What each namespace may have: how a file of quotas is read, whom a rule is for, and what is refused.

import Catalog
import TestRandom
import TestTime
import Testing
import Time

@testable import Configuration
@testable import RegistryCore

struct QuotasTests {
    private static let text = """
        {"default":{"instances":10,"watches":2},
         "namespaces":[{"match":"team-*","instances":2,"services":1,"requests":5,"heartbeats":7},
                       {"match":"team-b","instances":99},
                       {"match":"*","services":null,"instances":null},
                       {"match":"never","instances":1}]}
        """

    @Test func `of the rules the first that fits counts, and what it leaves out is as the settings have it`() throws {
        // R850 Of the rules in namespaces the first whose match fits a namespace's name counts for it. R851 A value that is
        // left out, also one that default gives, is as the settings have it. … null is no limit.
        let quotas = try Quotas(Array(Self.text.utf8))
        for name in ["team-", "team-a", "team-b"] {
            let quota = quotas.quota(of: Namespace(name))
            #expect(
                quota.name == "team-*" && quota.limits.instances == .atMost(2) && quota.limits.services == .atMost(1))
            #expect(quota.requests == .atMost(5) && quota.heartbeats == .atMost(7) && quota.watches == .standard)
        }
        for name in ["team", "xteam-a", "never"] {
            let quota = quotas.quota(of: Namespace(name))
            #expect(quota.name == "*" && quota.limits.instances == .unlimited && quota.limits.services == .unlimited)
            #expect(quota.watches == .standard)
        }
        let others = try Quotas(Array(#"{"namespaces":[{"match":"a"}],"default":{"watches":3}}"#.utf8))
        #expect(others.quota(of: Namespace("b")).watches == .atMost(3))
        #expect(others.quota(of: Namespace("b")).name == "default")
        #expect(others.quota(of: Namespace("a")).watches == .standard)
        #expect(try Quotas(Array("{}".utf8)).quota(of: Namespace("a")).limits == .standard)
    }

    @Test func `a star stands for any bytes or none, and nothing else is special`() {
        // R850 … * in it stands for any bytes, or none.
        func reference(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
            guard let first = pattern.first else { return name.isEmpty }
            guard first == UInt8(ascii: "*") else {
                return name.first == first && reference(name.dropFirst(), pattern.dropFirst())
            }
            return reference(name, pattern.dropFirst()) || (!name.isEmpty && reference(name.dropFirst(), pattern))
        }
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<20_000 {
            let name = (0..<Int(random.next() % 9)).map { _ in UInt8(ascii: "a") + UInt8(random.next() % 2) }
            let pattern = (0..<Int(random.next() % 7)).map { _ in [0x61, 0x62, 0x2A][Int(random.next() % 3)] as UInt8 }
            #expect(
                Quotas.matches(name, pattern) == reference(name[...], pattern[...]), "\(name) \(pattern), seed \(seed)")
        }
        // What would take a time without end by trying all ways.
        let long = [UInt8](repeating: 0x61, count: 256)
        let stars = Array(String(repeating: "*a", count: 127).utf8)
        #expect(Quotas.matches(long, stars) && !Quotas.matches(long + [0x62], stars))
        #expect(
            !Quotas.matches(Array("a.b".utf8), Array("a?b".utf8)) && !Quotas.matches(Array("A".utf8), Array("a".utf8)))
    }

    @Test(
        arguments: [
            ("", "ends too early"), ("[]", "an object"), ("{}x", "followed by"), (#"{"defaults":{}}"#, "defaults"),
            (#"{"default":{},"default":{}}"#, "twice"), (#"{"default":{"match":"a"}}"#, "default has no match"),
            (#"{"namespaces":[{}]}"#, "rule 1 has no match"), (#"{"namespaces":[{"match":""}]}"#, "rule 1: match"),
            (#"{"namespaces":{}}"#, "an array"), (#"{"namespaces":[{"match":"a"},{"match":"b","x":1}]}"#, "rule 2: x"),
            (#"{"default":{"instances":-1}}"#, "default: instances"), (#"{"default":{"instances":1.5}}"#, "instances"),
            (#"{"default":{"instances":"5"}}"#, "instances"), (#"{"default":{"requests":0}}"#, "requests"),
            (#"{"default":{"heartbeats":1000001}}"#, "heartbeats"), (#"{"default":{"watches":true}}"#, "watches"),
            (#"{"default":{"services":1e10}}"#, "services"), (#"{"default":{"watches":1,"watches":1}}"#, "twice"),
        ])
    func `what is wrong with a file is named`(text: String, fault: String) {
        // R855 … One that is not such JSON, or has an unknown key, a key twice, a rule without match or a value out of its
        // range, stops the start with a sentence.
        let error = #expect(throws: Quotas.Fault.self) { try Quotas(Array(text.utf8)) }
        #expect(error?.description.contains(fault) == true, "\(error?.description ?? "")")
    }

    @Test func `a file has a thousand rules at most`() throws {
        func text(_ count: Int) -> [UInt8] {
            Array(
                #"{"namespaces":[\#((0..<count).map { "{\"match\":\"\($0)\"}" }.joined(separator: ","))]}"#.utf8)
        }
        #expect(try Quotas(text(1_000)).quota(of: Namespace("999")).name == "999")
        #expect(throws: Quotas.Fault.self) { try Quotas(text(1_001)) }
    }

    // MARK: - In force

    private static func state(_ change: (inout Settings) -> Void = { _ in }) -> RegistryState {
        var settings = Settings.defaults
        change(&settings)
        return RegistryState(settings: settings, loops: 1, monotonic: 0)
    }

    @Test func `other quotas count at once, and are looked up once for each namespace`() throws {
        let board = QuotaBoard()
        let (a, b) = (Namespace("team-a"), Namespace("b"))
        #expect(!board.isOn && board.quota(of: a) == .standard)
        board.change(try Quotas(Array(Self.text.utf8)))
        let first = board.generation
        #expect(board.isOn && board.quota(of: a).name == "team-*" && board.quota(of: b).name == "*")
        board.change(try Quotas(Array(#"{"default":{"instances":1}}"#.utf8)))
        #expect(board.generation != first && board.quota(of: a).name == "default")
        board.change(nil)
        #expect(!board.isOn && board.quota(of: a) == .standard)
    }

    @Test func `held answers are counted for their namespace alone`() throws {
        // R854 One more held answer than watches … is answered 429.
        let board = QuotaBoard()
        board.change(try Quotas(Array(#"{"default":{"watches":2}}"#.utf8)))
        let (a, b) = (Namespace("a"), Namespace("b"))
        for _ in 0..<2 { #expect(board.enterWatch(a) == nil) }
        let use = board.enterWatch(a)
        #expect(use == QuotaUse(kind: .watches, used: 2, most: 2, quota: "default"))
        #expect(use?.words == "the namespace holds 2 of 2 watches (quota default)")
        #expect(board.enterWatch(b) == nil && board.refusals(.watches) == 1)
        board.leaveWatch(a)
        #expect(board.enterWatch(a) == nil && board.enterWatch(a) != nil)
        // What is held stays.
        board.change(try Quotas(Array(#"{"default":{"watches":0}}"#.utf8)))
        #expect(board.enterWatch(b) != nil && board.watches(of: a) == 2)
        for _ in 0..<3 { board.leaveWatch(a) }
        #expect(board.watches(of: a) == 0)
    }

    @Test func `a namespace has its own allowance, with a limit for all or without`() throws {
        // R853 requests and heartbeats … take the place of the namespace's allowances of R824 and R825.
        for limit in [nil, 1] {
            let registry = Self.state { $0.rateLimitNamespace = limit }
            registry.quotas.change(
                try Quotas(Array(#"{"namespaces":[{"match":"a","requests":5},{"match":"free","requests":null}]}"#.utf8))
            )
            let limits = registry.rateLimits
            func passes(_ name: String) -> Int {
                let namespace = Namespace(name)
                for count in 0..<100 {
                    do throws(AdmissionRefusal) {
                        try limits.charge(
                            namespace: namespace, registry.quotas.quota(of: namespace), isHeartbeat: false, at: 0)
                    } catch {
                        guard case .overAllowance(.namespace, _, let quota) = error else { return -1 }
                        #expect(quota?.words == (name == "a" ? "quota a, 5 a second" : nil))
                        return count
                    }
                }
                return 100
            }
            // RATE_LIMIT_BURST is two seconds.
            #expect(passes("a") == 10 && passes("free") == 100 && passes("b") == (limit == nil ? 100 : 2))
        }
    }
}
