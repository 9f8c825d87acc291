// How a registry whose store keeps what is registered goes on with what another registry has, while both serve. States enter
// by their versions and with the ages of their leases, and what is new here the store outside is to have: from there the
// other members read it.

import Synchronization

/// What has become of states of another registry.
package struct TakenOver: Sendable, Equatable {
    /// How many are new here, and how many have only been heard of since.
    package var taken = 0
    package var renewed = 0
    /// The places of the new instances among the states: the store may refuse them.
    package var instances: [Int] = []

    package init() {}
}

extension Catalog {
    /// Takes in a state of another registry and notes what is to be published of it. What has run out there is left out:
    /// whoever is alive by what the store knows is not ended by it.
    mutating func takeOver(_ replica: Replica, in namespace: Namespace, at moment: Moment) -> MergeOutcome {
        switch replica {
        case .present(let instance, _, let heartbeat):
            guard !instance.hasRunOut(age: heartbeat.age) else { return .dead }
            let outcome = merge(replica, in: namespace, at: moment)
            guard let slot = records.slot(of: instance.id, in: namespace) else { return outcome }
            switch outcome {
            case .applied: records.replicationState.changed.insert(slot)
            case .renewed: records.replicationState.renewed.insert(slot)
            case .redundant, .stale, .missing, .dead: break
            }
            return outcome
        case .absent(let id, _, _, _):
            let outcome = restore(replica, in: namespace, at: moment)
            if outcome == .applied { _ = republish(id, in: namespace) }
            return outcome
        case .service(let service, _):
            let outcome = merge(replica, in: namespace, at: moment)
            if outcome == .applied {
                _ = records.services.republish(ServiceKey(namespace: namespace, service: service))
            }
            return outcome
        // Says nothing that a present state does not say.
        case .renewed: return .missing
        }
    }
}

extension Store {
    /// Takes in states of another registry, which the store outside is to have; one at a time, so that no request waits
    /// for long.
    package func takeOver(_ states: [Replicated], at moment: Moment) -> TakenOver {
        var done = TakenOver()
        for (place, state) in states.enumerated() {
            let number = number(of: state.namespace)
            let outcome = change(number) { catalog in
                defer { catalog.records.shelf.hasNews = false }
                return catalog.takeOver(state.replica, in: state.namespace, at: moment)
            }
            switch outcome {
            case .applied:
                done.taken += 1
                dirtyShards?.noteChanges(shard: number)
                switch state.replica {
                case .present: done.instances.append(place)
                case .service: beginPasses(number, at: moment)
                case .absent, .renewed: break
                }
            case .renewed:
                done.renewed += 1
                dirtyShards?.noteRenewal(shard: number)
            case .redundant, .stale, .missing, .dead: break
            }
        }
        return done
    }
}
