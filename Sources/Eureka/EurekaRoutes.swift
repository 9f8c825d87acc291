// The API of Netflix's Eureka as rows (docs/eureka.md), below three bases: `/api/eureka/{token}/v2` as with the original
// registry, `/eureka/{version}` as Netflix has it, and `/eureka` as Spring does.

import HTTP
import RegistryCore
package import Serving

extension Operation {
    static let eurekaRegister = Operation("eurekaRegister", .change)
    static let eurekaRenew = Operation("eurekaRenew", .heartbeat)
    static let eurekaCancel = Operation("eurekaCancel", .change)
    static let eurekaSetStatus = Operation("eurekaSetStatus", .change)
    static let eurekaRemoveStatus = Operation("eurekaRemoveStatus", .change)
    static let eurekaReplicate = Operation("eurekaReplicate", .change)
    static let eurekaSetMetadata = Operation("eurekaSetMetadata", .change)
    static let eurekaListApplications = Operation("eurekaListApplications", .lookUp)
    static let eurekaGetDelta = Operation("eurekaGetDelta", .lookUp)
    static let eurekaGetApplication = Operation("eurekaGetApplication", .lookUp)
    static let eurekaGetInstance = Operation("eurekaGetInstance", .lookUp)
    static let eurekaFindInstance = Operation("eurekaFindInstance", .lookUp)
    static let eurekaGetVIP = Operation("eurekaGetVIP", .lookUp)
    static let eurekaGetSecureVIP = Operation("eurekaGetSecureVIP", .lookUp)
}

/// The routes of Eureka's API.
package enum EurekaRoutes {
    /// A base path, and how many parameters it has before those of the route.
    struct Base: Sendable {
        let path: String
        let parameters: Int
        let style: RouteStyle
    }

    package static let all = bases.flatMap(routes)

    /// Spring's first: its `apps` is a version, too.
    private static let bases = [
        base("/eureka", parameters: 0, isAlias: true) { (call) throws(Refused) in try EurekaCredential.inHeader(call) },
        base("/eureka/{version}", parameters: 1, isAlias: false) { (call) throws(Refused) in
            try EurekaCredential.inHeader(call)
        },
        base("/api/eureka/{token}/v2", parameters: 1, isAlias: true) { (call) throws(Refused) in
            try EurekaCredential.inPath(call)
        },
    ]

    private static func base(
        _ path: String, parameters: Int, isAlias: Bool,
        credential: @escaping @Sendable (borrowing Call) throws(Refused) -> [UInt8]?
    ) -> Base {
        var style = RouteStyle()
        // Java clients read any body as an instance.
        style.errors = .empty
        style.credential = credential
        style.isAlwaysRedirectedAlike = true
        style.takesTrailingSlash = true
        style.isAlias = isAlias
        return Base(path: path, parameters: parameters, style: style)
    }

    private typealias Handler = @Sendable (borrowing Call, Int) throws(Refused) -> Reply

    private static func routes(_ base: Base) -> [Route] {
        func row(
            _ method: Method, _ path: String, _ operation: Operation, _ handler: @escaping Handler,
            _ bodyLimit: Int? = nil
        ) -> Route {
            var style = base.style
            if let bodyLimit { style.bodyLimit = bodyLimit }
            return Route(method, base.path + path, operation, style: style) {
                [first = base.parameters] (call: borrowing Call) throws(Refused) -> Reply in try handler(call, first)
            }
        }
        return [
            row(.get, "/apps", .eurekaListApplications, EurekaReadHandlers.applications),
            row(.get, "/apps/delta", .eurekaGetDelta, EurekaReadHandlers.delta),
            row(.get, "/apps/{app}", .eurekaGetApplication, EurekaReadHandlers.application),
            row(.post, "/apps/{app}", .eurekaRegister, EurekaHandlers.register),
            row(.get, "/apps/{app}/{id}", .eurekaGetInstance, EurekaReadHandlers.instance),
            row(.put, "/apps/{app}/{id}", .eurekaRenew, EurekaHandlers.renew),
            row(.delete, "/apps/{app}/{id}", .eurekaCancel, EurekaHandlers.cancel),
            row(.put, "/apps/{app}/{id}/status", .eurekaSetStatus, EurekaStatusHandlers.set),
            row(.delete, "/apps/{app}/{id}/status", .eurekaRemoveStatus, EurekaStatusHandlers.remove),
            row(.put, "/apps/{app}/{id}/metadata", .eurekaSetMetadata, EurekaStatusHandlers.setMetadata),
            row(
                .post, "/peerreplication/batch", .eurekaReplicate, EurekaBatchHandlers.replicate, EurekaBatch.bodyLimit),
            row(.get, "/instances/{id}", .eurekaFindInstance, EurekaReadHandlers.anywhere),
            row(.get, "/vips/{vip}", .eurekaGetVIP, EurekaReadHandlers.vip),
            row(.get, "/svips/{vip}", .eurekaGetSecureVIP, EurekaReadHandlers.secureVIP),
        ]
    }
}
