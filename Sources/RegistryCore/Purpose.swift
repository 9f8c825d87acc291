// The purpose of a request, as far as it decides whether a client may make it. A protocol names it for each operation;
// limits, authorization and readiness follow from it, so that no protocol has rules of its own.

/// The purpose of a request.
package enum Purpose: Sendable, CaseIterable {
    /// To learn, every few seconds, whether the process is well. Always answered.
    case probe
    /// To read a page that is open to everybody.
    case page
    /// To learn what there is. A member that does not know yet would say that there is less.
    case lookUp
    /// To learn which changes this member has seen, which are not in the copy of other members.
    case history
    /// To change what there is.
    case change
    /// To renew leases, which has an allowance of its own (R825).
    case heartbeat
    /// To see or do what is an operator's alone, whichever namespace it acts in.
    case operating

    /// Whether it takes a credential: it concerns a tenant, or is an operator's.
    package var isOfTenant: Bool {
        switch self {
        case .probe, .page: false
        case .lookUp, .history, .change, .heartbeat, .operating: true
        }
    }
}
