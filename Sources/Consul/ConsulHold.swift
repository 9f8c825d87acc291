// Blocking queries (docs/consul.md, C410–C415): a client that shows the index of what it has waits for another state.
// What wakes it is a change of the service or the namespace; what ends its wait is another index of the list.
//
//   index ──► absent, or below the list's ──► answered at once
//         ├─► the list's own ──► held ──► another one, or the time is over ──► answered
//         └─► above it ──► held for a moment, so that this member can catch up ──► answered

import Catalog
import HTTP
import RegistryCore
import Serving
import Time

/// A query that may be held.
struct ConsulHold: Sendable {
    /// How long this member has to catch up with the one that gave the client its index.
    static let catchingUp: Duration = .seconds(2)

    let list: ConsulList
    /// The index that the client shows.
    let known: UInt64
    let wait: Duration

    /// How it is held.
    private struct Held: Sendable {
        let watch: Watch
        /// Whether the client's index is above the list's.
        let isAhead: Bool
    }

    /// Answers at once, or holds the answer.
    func begin(_ call: borrowing Call) throws(Refused) -> Reply { try goOn(call, nil) }

    private func goOn(_ call: borrowing Call, _ held: Held?) throws(Refused) -> Reply {
        // Before the index, so that no change is missed.
        let state = call.state(of: list.service, in: list.namespace)
        if let index = list.presentIndex(call.registry, state.revision) { return try judge(call, index, state, held) }
        // The list tells its index once it is made.
        return try list.answer(call).then(call) { (call, response) throws(Refused) in
            guard case .number(let index) = response.fields[.consulIndex] else { return .now(response) }
            return try judge(call, UInt64(index), state, held)
        }
    }

    private func judge(_ call: borrowing Call, _ index: UInt64, _ state: ChangeWatch, _ held: Held?) throws(Refused)
        -> Reply
    {
        guard index <= known else { return try list.answer(call) }
        let isAhead = index < known
        if let held, held.isAhead == isAhead { return hold(state, held) }
        // Held as the list's own, its index has become a lower one: what it was has been forgotten.
        if let held, !held.isAhead { return try list.answer(call) }
        let watch = try isAhead ? call.watch(until: call.monotonic + min(Self.catchingUp, wait)) : call.watch(for: wait)
        return hold(state, Held(watch: watch, isAhead: isAhead))
    }

    private func hold(_ state: ChangeWatch, _ held: Held) -> Reply {
        held.watch.hold(state) { (call, news) throws(Refused) in
            news == .changed ? try goOn(call, held) : try list.answer(call)
        }
    }
}

extension ConsulList {
    /// The service that it shows; nil where it shows more than one.
    var service: Name? { if case .service(let name) = content { name } else { nil } }

    /// Its index at this state of the service or namespace; nil where it has to be made to know that.
    func presentIndex(_ registry: RegistryState, _ revision: Revision) -> UInt64? {
        switch content {
        case .service(let name): registry.lookup.index(of: name, in: namespace)
        case .everything: registry.lookup.index(of: nil, in: namespace)
        case .services:
            serviceTags.last(of: namespace).flatMap { $0.revision == revision ? $0.index : nil }
        }
    }
}
