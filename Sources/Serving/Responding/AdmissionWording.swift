// How what admission refuses is worded over HTTP.

import Authorization
import HTTP
import RegistryCore

extension Responder {
    /// What admission refuses, as HTTP has it.
    func refused(
        _ refusal: AdmissionRefusal, _ call: borrowing Call, _ route: Route?
    ) throws(Refused) -> Refused {
        switch refusal {
        case .overAllowance(let limit, let seconds, let quota): .tooManyRequests(limit, retryAfter: seconds, of: quota)
        case .insecure:
            .plain(
                secureURL: try secureURL(of: call),
                isReading: !(route?.style.isAlwaysRedirectedAlike ?? false)
                    && (call.request.head.method == .get || call.request.head.method == .head))
        case .unauthorized(.noKeysYet): .unverified(AuthorizationRefusal.noKeysYet.sentence)
        case .unauthorized(let refusal): .unauthorized(refusal.sentence)
        case .operatorOnly: .operatorOnly
        case .otherNamespace: .otherNamespace
        case .onlyDefault: .invalid("this registry has no namespace but default; set AUTH_MODE to isolate namespaces")
        case .badNamespace(let sentence): .invalid(sentence)
        case .leaving: .leaving
        case .noCopyYet: .noCopyYet
        case .storeAway: .storeAway
        }
    }

    private func secureURL(of call: borrowing Call) throws(Refused) -> String {
        let request = call.request
        // A proxy that names the host has TLS, if anybody has: the port of our own is not the one that its clients
        // reach.
        let forwarded = context.forwarding.host(of: request, isFromProxy: call.isFromProxy)
        return try SecureURL.url(
            LoggedTarget.target(request.head.target), host: forwarded ?? request.authority,
            port: forwarded == nil ? context.httpsPort : nil,
            prefix: context.forwarding.prefix(of: request, isFromProxy: call.isFromProxy))
    }
}
