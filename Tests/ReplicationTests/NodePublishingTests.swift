// What those who read from a node are told, and how much may wait for them.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodePublishingTests {
    @Test func `a subscriber gets a copy, its end, and then what changes`() throws {
        let bench = NodeBench()
        bench.register(1)
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.register(2)
        bench.tell { $0.localChanges(at: bench.time) }
        let names = try bench.frames(on: link).map(\.name).filter { $0 != "ping" }
        #expect(
            names == ["hello", "proof", "copyStart", "copy", "copyEnd", "changes"]
                || names == ["hello", "proof", "copyStart", "copy", "copyEnd", "changes", "changes"])
    }

    @Test func `what changes is encoded once, and all subscribers are sent the same bytes`() throws {
        let bench = NodeBench()
        let links = try (1...3).map { try bench.accept(member: $0) }
        for link in links { bench.say(.subscribe, on: link) }
        bench.register(1)
        let told = bench.tell { $0.localChanges(at: bench.time) }
        let bytes = links.map { bench.bytes(on: $0, in: told) }
        #expect(bytes[0].count > 0)
        #expect(Set(bytes).count == 1)
    }

    @Test func `renewals are told in batches, and once however many there were`() throws {
        let bench = NodeBench()
        bench.register(1)
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.pass(300)
        let before = try bench.frames(on: link).count { $0.name == "changes" }
        for _ in 0..<50 { _ = bench.store.renew(.digest(1), in: Namespace("t"), at: bench.time.moment) }
        bench.tell { $0.localChanges(at: bench.time) }
        #expect(try bench.frames(on: link).count { $0.name == "changes" } == before)
        bench.pass(200)
        let changes = try bench.frames(on: link).compactMap { frame in
            if case .changes(let states) = frame { states } else { nil }
        }
        #expect(changes.count == before + 1)
        #expect(changes.last?.count == 1)
    }

    @Test func `a slow subscriber keeps no more waiting than its bound, and gets a copy when it has drained`() throws {
        var limits = NodeLimits()
        limits.queueBytes = 100_000
        let bench = NodeBench(limits: limits)
        let (slow, quick) = (try bench.accept(member: 1), try bench.accept(member: 2))
        for link in [slow, quick] { bench.say(.subscribe, on: link) }
        let start = bench.bytes(on: slow).count
        for number in 0..<1_000 {
            bench.register(number, metadata: 1_000)
            bench.tell { $0.localChanges(at: bench.time) }
            bench.tell { $0.drained(quick, queuedBytes: 0, at: bench.time) }
        }
        #expect(bench.bytes(on: slow).count - start <= limits.queueBytes)
        #expect(try bench.frames(on: quick).count { $0.name == "changes" } == 1_000)
        #expect(bench.directives.contains { if case .note(.overflowed) = $0 { true } else { false } })
        let before = bench.directives.count
        for _ in 0..<1_000 { bench.tell { $0.drained(slow, queuedBytes: 0, at: bench.time) } }
        let after = try bench.frames(on: slow, in: Array(bench.directives[before...]))
        #expect(after.first?.name == "copyStart")
        #expect(after.reduce(0) { if case .copy(let states) = $1 { $0 + states.count } else { $0 } } == 1_000)
        #expect(after.contains { $0.name == "copyEnd" })
        #expect(bench.closed(slow) == nil)
    }

    static let talk: [(String, Frame)] = [
        ("pings", .ping(Beat(token: 1, wall: 1_790_000_000_000, isReady: true, hears: []))),
        ("asks for a copy", .subscribe),
        ("asks for buckets", .askBuckets),
    ]

    @Test(arguments: talk)
    func `who talks and does not read is let go, before its answers fill the memory`(what: String, frame: Frame) throws
    {
        var limits = NodeLimits()
        (limits.queueBytes, limits.queueSlackBytes) = (2_000, 1_000)
        let bench = NodeBench(limits: limits)
        for number in 0..<10 { bench.register(number) }
        let (deaf, honest) = (try bench.accept(member: 1), try bench.accept(member: 2))
        var said = 0
        while bench.closed(deaf) == nil, said < 500 {
            bench.say(frame, on: honest)
            bench.tell { $0.drained(honest, queuedBytes: 0, at: bench.time) }
            bench.say(frame, on: deaf)
            if said.isMultiple(of: 50) { bench.pass(100) }
            said += 1
        }
        let waiting = bench.bytes(on: deaf).count
        // What is only answered while little waits is bounded without that.
        #expect(bench.closed(deaf) == .deaf || waiting < limits.queueBytes, "\(what), \(said) times: \(waiting) bytes")
        #expect(waiting < limits.queueBytes + limits.queueSlackBytes + 2_000)
        #expect(bench.closed(honest) == nil)
    }

    @Test func `a copy waits while much is queued`() throws {
        let bench = NodeBench()
        for number in 0..<4_000 { bench.register(number, metadata: 1_000) }
        bench.pass(1_000)
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.pass(500)
        let queued = bench.bytes(on: link).count
        #expect(queued < NodeLimits().copyBytesInFlight + 1_000_000)
        #expect(try !bench.frames(on: link).contains { $0.name == "copyEnd" })
        // Live changes do not wait.
        bench.register(9_999)
        let told = bench.tell { $0.localChanges(at: bench.time) }
        #expect(try bench.frames(on: link, in: told).map(\.name).contains("changes"))
    }
}
