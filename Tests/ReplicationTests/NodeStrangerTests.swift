// Whom a node lets in, and whom not.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodeStrangerTests {
    static let garbage: [(String, [UInt8])] = [
        ("a length of four gigabytes", [0xFF, 0xFF, 0xFF, 0xFF]),
        ("an HTTP request", Array("GET / HTTP/1.1\r\n\r\n".utf8)),
        ("zeros", [0, 0, 0, 0, 0]), ("a frame that belongs behind the proof", FrameCodec.encode(.subscribe)),
    ]

    @Test(arguments: garbage)
    func `a stranger is dropped, and the members stay`(what: String, bytes: [UInt8]) throws {
        let bench = NodeBench()
        let real = try bench.accept(member: 1)
        let link = bench.newLink()
        bench.tell { $0.linkOpened(link, role: .accepted, address: bench.address(1), boundTo: nil, at: bench.time) }
        bench.say(bytes, on: link)
        guard case .malformed = bench.closed(link) else {
            Issue.record("\(what): \(String(describing: bench.closed(link)))")
            return
        }
        #expect(bench.closed(real) == nil)
        #expect(bench.directives.contains { if case .note(.refused) = $0 { true } else { false } })
    }

    @Test func `an impostor with another's member id and no secret evicts nobody`() throws {
        let bench = NodeBench()
        let real = try bench.accept(member: 1)
        bench.say(.subscribe, on: real)
        let impostor = try bench.accept(member: 1, secret: "guess")
        #expect(bench.closed(impostor) == .refused(.secret))
        bench.say(.ping(Beat(token: 1, wall: 0, isReady: true, hears: [])), on: real)
        #expect(bench.closed(real) == nil)
    }

    @Test func `a member of one certificate is not let in again under another`() throws {
        let bench = NodeBench()
        let real = try bench.accept(member: 1, boundTo: ["member-1"])
        let other = try bench.accept(member: 1, boundTo: ["member-1", "member-2"])
        #expect(bench.closed(other) == .refused(.certificate))
        #expect(bench.closed(real) == nil)
    }

    @Test func `a stranger that says nothing is dropped`() {
        let bench = NodeBench()
        let link = bench.newLink()
        bench.tell { $0.linkOpened(link, role: .accepted, address: bench.address(1), boundTo: nil, at: bench.time) }
        bench.pass(NodeLimits().handshakeDeadline)
        #expect(bench.closed(link) == .silent)
    }

    @Test func `more links than there may be are refused`() throws {
        var limits = NodeLimits()
        limits.acceptedLinks = 3
        let bench = NodeBench(limits: limits)
        for member in 1...3 as ClosedRange<UInt64> { _ = try bench.accept(member: member) }
        let link = bench.newLink()
        bench.tell { $0.linkOpened(link, role: .accepted, address: bench.address(4), boundTo: nil, at: bench.time) }
        #expect(bench.closed(link) == .refused(.full))
    }
}
