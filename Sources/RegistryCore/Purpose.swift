// What a request is for, as far as that decides who may make it. A protocol says it of each thing that it can be asked; limits, authorization and
// readiness follow from it, so that no protocol has rules of its own.

/// Why somebody asks.
package enum Purpose: Sendable, CaseIterable {
    /// To learn, every few seconds, whether the process is well. Always answered.
    case probe
    /// To read a page that is open to everybody.
    case page
    /// To learn what there is. A member that does not know yet would say that there is less.
    case lookUp
    /// To learn what this member has seen happen, which the other members' copy does not tell.
    case history
    /// To change what there is.
    case change
    /// To renew leases, which has an allowance of its own (R825).
    case heartbeat

    /// Whether it concerns a tenant, so that somebody has to say which.
    package var isOfTenant: Bool {
        switch self {
        case .probe, .page: false
        case .lookUp, .history, .change, .heartbeat: true
        }
    }
}
