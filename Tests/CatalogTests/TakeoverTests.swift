// What a registry over a store makes of states of another one that serves beside it (docs/rest-api.md, R636).

import TestCatalog
import Testing
import Time

@testable import Catalog

struct TakeoverTests {
    private let namespace = Namespace("default")
    private let store = Store(namespaceCapacity: nil, replicating: MemberID(bits: 7), leaseKeeper: .store)
    private let other = Store(namespaceCapacity: nil, replicating: MemberID(bits: 8))

    private func at(_ milliseconds: Int64) -> Moment {
        Moment(
            monotonic: MonotonicTime(milliseconds: milliseconds), lease: LeaseTime(milliseconds: milliseconds),
            wall: (1_767_225_600_000 + milliseconds) * 1_000_000)
    }

    private func everything(at milliseconds: Int64) -> [Replicated] {
        var (items, cursor): ([Replicated], CopyCursor?) = ([], .start)
        while let from = cursor {
            let piece = other.copy(from: from, limit: 10, at: at(milliseconds))
            (items, cursor) = (items + piece.items, piece.next)
        }
        return items
    }

    private func drain(at milliseconds: Int64) -> [Replicated] {
        store.drain(includeRenewals: false, budget: 100, at: at(milliseconds)).changes
    }

    @Test func `what is new is published with the age of its lease, and a later heartbeat as a renewal`() throws {
        // R636 … A lease is as old as it was where it was read.
        #expect(other.register(makeInstance(1, ttl: 10_000), in: namespace, at: at(0)).isDone)
        let first = store.takeOver(everything(at: 4_000), at: at(4_000))
        #expect(first.taken == 1 && first.renewed == 0)
        #expect(first.instances == [0])
        guard case .present(_, let version, let heartbeat) = try #require(drain(at: 4_000).first).replica else {
            Issue.record("the state is told as a whole")
            return
        }
        #expect(heartbeat.age == 4_000)
        #expect(version.origin == MemberID(bits: 8))
        #expect(store.takeOver(everything(at: 4_500), at: at(4_500)) == TakenOver())
        #expect(drain(at: 4_500).isEmpty)

        #expect(other.renew(.digest(1), in: namespace, at: at(5_000)))
        let second = store.takeOver(everything(at: 6_000), at: at(6_000))
        #expect(second.taken == 0 && second.renewed == 1)
        #expect(drain(at: 6_000).isEmpty)
        let renewals = store.drainRenewals(budget: 10, at: at(6_000)).renewals
        #expect(renewals.map(\.heartbeat.age) == [1_000])
        store.checkInvariants()
    }

    @Test func `what has run out there ends nothing here, and does not come back`() {
        // R636 … what has run out there is left out, and ends nothing here.
        #expect(other.register(makeInstance(1, ttl: 1_000), in: namespace, at: at(0)).isDone)
        #expect(other.register(makeInstance(2, ttl: 1_000), in: namespace, at: at(0)).isDone)
        let states = everything(at: 500)
        #expect(store.takeOver(states.filter { $0.replica.id == .digest(1) }, at: at(500)).taken == 1)
        #expect(store.renew(.digest(1), in: namespace, at: at(900)))
        let late = states.map { state -> Replicated in
            guard case .present(let instance, let version, let heartbeat) = state.replica else { return state }
            return Replicated(
                namespace: state.namespace,
                replica: .present(instance, version, Heartbeat(age: 1_500, wall: heartbeat.wall)))
        }
        #expect(store.takeOver(late, at: at(1_500)) == TakenOver())
        #expect(store.instance(.digest(1), in: namespace, at: at(1_500).lease) != nil)
        #expect(store.instance(.digest(2), in: namespace, at: at(1_500).lease) == nil)
        store.checkInvariants()
    }

    @Test func `what was deregistered here stays so, and what was there goes here`() {
        // R636 … what is known here in a later version stands, and what was deregistered here stays so.
        for id in [1, 2] as [UInt64] {
            #expect(other.register(makeInstance(id, ttl: 60_000), in: namespace, at: at(0)).isDone)
        }
        #expect(store.takeOver(everything(at: 100), at: at(100)).taken == 2)
        #expect(store.deregister(.digest(1), in: namespace, at: at(200)).isDone)
        #expect(other.deregister(.digest(2), in: namespace, at: at(200)).isDone)
        _ = drain(at: 250)
        let done = store.takeOver(everything(at: 300), at: at(300))
        #expect(done.taken == 1 && done.instances.isEmpty)
        let told = drain(at: 300)
        #expect(told.map(\.replica.id) == [.digest(2)])
        if case .absent = told.first?.replica {} else { Issue.record("the deregistration is told") }
        #expect(store.counts.instances == 0)
        store.checkInvariants()
    }

    @Test func `an operator's word on a service is published`() throws {
        #expect(other.register(makeInstance(1, ttl: 60_000), in: namespace, at: at(0)).isDone)
        guard case .present(let instance, _, _) = try #require(everything(at: 0).first).replica else { return }
        _ = other.override(
            service: instance.serviceName, in: namespace, .set(.outOfService, until: nil), at: at(100))
        #expect(store.takeOver(everything(at: 200), at: at(200)).taken == 2)
        #expect(drain(at: 200).count == 2)
        #expect(store.takeOver(everything(at: 300), at: at(300)) == TakenOver())
    }
}
