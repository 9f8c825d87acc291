// What a client asks of the catalog as a value, so that models and stories can choose, keep and repeat it.

import Catalog

/// One thing to be done to a namespace.
package enum Command: Sendable {
    case register(Instance)
    case deregister(InstanceID)
    /// Deregisters an instance that may be known to other members only.
    case bury(InstanceID)

    /// What became of it, by the catalog's decision.
    package func outcome(_ decision: Decision) -> Outcome {
        guard !decision.isDone else { return .done }
        switch self {
        case .register: return .namespaceFull
        case .deregister, .bury: return .unknownInstance
        }
    }
}

/// The answer to a command.
package enum Outcome: Sendable, Equatable {
    case done
    case unknownInstance
    case namespaceFull
}

/// The same with the leases that were swept away by the way.
package struct CommandDecision: Sendable, Equatable {
    package let outcome: Outcome
    package let expired: Int

    package init(_ outcome: Outcome, expired: Int = 0) {
        self.outcome = outcome
        self.expired = expired
    }
}

extension Store {
    package func apply(_ command: Command, in namespace: Namespace, at moment: Moment, by actor: Actor? = nil)
        -> CommandDecision
    {
        let decision =
            switch command {
            case .register(let instance): register(instance, in: namespace, at: moment, by: actor)
            case .deregister(let id): deregister(id, in: namespace, at: moment, by: actor)
            case .bury(let id): deregister(id, in: namespace, evenIfUnknown: true, at: moment, by: actor)
            }
        return CommandDecision(command.outcome(decision), expired: decision.expired)
    }
}
