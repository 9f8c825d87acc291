// Who asks for a page that is open to everybody: operators are shown more there. A token may take a turn of its own to
// verify, or the issuer's word; one that cannot be verified in time is nobody's, and the page is answered all the same.

import Authorization
import HTTP
import Libevent
import RegistryCore

extension Responder {
    /// Learns whether an operator asks for an open page. Returns what has to be waited for before that can be known, if
    /// the call may wait.
    func learnOperator(_ call: inout Call, _ effort: TokenEffort, _ wait: AdmissionWait) -> WaitCause? {
        do throws(AuthorizationRefusal) {
            call.isOfOperator = try admission.isOperator(
                call.request.head[.authorization], call.request.clientIdentity, effort: effort, at: call.moment)
        } catch {
            if case .unverified = error, wait == .may { return .turn }
            if case .unknownKey = error, wait == .may, let end = call.registry.issuerKeys?.wait(at: call.monotonic) {
                return .issuer(until: end)
            }
        }
        return nil
    }

    /// The same for a call that has waited.
    func learnOperator(_ call: inout Call, after cause: WaitCause, _ wake: Wake) -> WaitCause? {
        wake == .come ? learnOperator(&call, .any, cause == .turn ? .may : .isOver) : nil
    }
}
