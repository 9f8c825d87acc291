// What is said before a node leaves.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodeLeavingTests {
    @Test func `who leaves has said everything first`() throws {
        let bench = NodeBench()
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        bench.register(1)
        let told = bench.tell { $0.leave(at: bench.time) }
        #expect(try bench.frames(on: link, in: told).map(\.name) == ["changes", "goodbye"])
        #expect(!bench.node.isFlushed)
        bench.say(.acknowledge(changes: 1), on: link)
        #expect(bench.node.isFlushed)
    }

    @Test func `who leaves tells everything before it says goodbye, however much there is`() throws {
        let bench = NodeBench()
        let link = try bench.accept(member: 1)
        bench.say(.subscribe, on: link)
        let count = 2 * Node.drainBudget * Node.drainsPerCall + 1
        for number in 0..<count { bench.register(number) }
        bench.tell { $0.leave(at: bench.time) }
        #expect(!bench.node.isFlushed)
        // As after a storm: news comes in between.
        bench.tell { $0.localChanges(at: bench.time) }
        bench.pass(300)
        var said = try bench.frames(on: link).drop { $0.name != "copyEnd" }.dropFirst()
        guard case .goodbye(.leaving)? = said.popLast() else {
            Issue.record("the goodbye is not the last word")
            return
        }
        let told = said.reduce(0) { if case .changes(let states) = $1 { $0 + states.count } else { $0 } }
        #expect(told == count)
        #expect(!bench.node.isFlushed, "nothing is acknowledged yet")
        bench.say(.acknowledge(changes: UInt64(count)), on: link)
        #expect(bench.node.isFlushed)
    }

    @Test func `who leaves with nobody there has left when the rest is let go`() {
        let bench = NodeBench()
        for number in 0...Node.drainBudget * Node.drainsPerCall { bench.register(number) }
        bench.tell { $0.leave(at: bench.time) }
        #expect(!bench.node.isFlushed)
        bench.pass(100)
        #expect(bench.node.isFlushed)
    }
}
