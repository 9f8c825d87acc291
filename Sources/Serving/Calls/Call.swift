// One request on its way through the responder: what came, and what is learnt of it step by step. It cannot be copied,
// only lent, so that passing it on costs nothing: a request is a dozen references.

package import Authorization
package import Catalog
import Configuration
package import HTTP
package import RegistryCore
package import Time

/// What a handler is given.
package struct Call: ~Copyable {
    package let request: Request
    /// When the request arrived, or of a call that waited, when it went on.
    package private(set) var moment: Moment
    /// When the request arrived.
    package let arrived: MonotonicTime
    package let context: ServerContext
    /// The lists that this loop has rendered.
    package let answers: RenderedAnswers

    /// The client of the request, as a trusted proxy says where there is one: a numeric address, or nil when it is
    /// unknown. Limits on requests and the log go by it; limits on connections by whose connection it is.
    package var client: String? { isClientNamed ? namedClient : request.clientAddress }
    /// Whom a proxy has named. Invariant: nil where `isClientNamed` is false.
    private var namedClient: String?
    private var isClientNamed = false
    /// Whether the connection is that of a proxy in TRUSTED_PROXIES. False where that names no proxy.
    package var isFromProxy = false
    /// Empty until the path was found to be clean.
    package var path = PathSegments()
    /// Nil until the request has found one, and where it finds none.
    private(set) var route: Route?
    /// How what is refused is worded.
    private(set) var errors = ErrorFormat.json
    package private(set) var operation = Operation.unmatched
    /// The operation's among all that are counted.
    private(set) var number: Int
    /// Who asks; nil on the pages that are open to everybody.
    package var principal: Principal?
    /// Whether it is an operator who asks for a page that is open to everybody.
    var isOfOperator = false

    /// - Parameter number: the operation's, for as long as none is found.
    init(
        _ request: consuming Request, at instant: Moment, _ context: ServerContext, _ answers: RenderedAnswers,
        number: Int
    ) {
        self.request = request
        moment = instant
        arrived = instant.monotonic
        self.context = context
        self.answers = answers
        self.number = number
    }

    /// A trusted proxy says who the client is; nil where nobody knows.
    mutating func name(client: String?) { (namedClient, isClientNamed) = (client, true) }

    /// The route is found, but not whether the client may have it.
    mutating func find(_ row: RouteTable.Row) { errors = row.route.style.errors }

    /// No route has the method, but the path is known.
    mutating func find(_ errors: ErrorFormat) { self.errors = errors }

    /// The route is taken.
    mutating func take(_ row: RouteTable.Row) {
        route = row.route
        operation = row.route.operation
        number = row.number
    }

    /// It asks what may be asked.
    mutating func takeOptions(number: Int) {
        operation = .options
        self.number = number
    }

    /// The call has waited, and goes on now.
    mutating func goOn(at instant: Moment) {
        moment = instant
    }

    /// The registry that is asked.
    package var registry: RegistryState { context.registry }

    /// What the path has where its route has a parameter: percent-decoded, not empty; of one that takes the rest of the
    /// path, with the slashes in it. Empty when the route has no such
    /// parameter.
    package func parameter(_ index: Int = 0) -> ArraySlice<UInt8> {
        guard let route, index < route.parameters.count else { return [] }
        let place = route.parameters[index]
        return route.style.takesRest && place == route.depth - 1 ? path.rest(from: place) : path[place]
    }

    /// The tenant; nil on the pages that are open to everybody.
    package var namespace: Namespace? { principal?.namespace }

    /// Whether an operator asks.
    package var isByOperator: Bool { principal?.isOperator ?? isOfOperator }

    /// Whether the call may learn of all namespaces: an operator's, and any where there is one namespace.
    package var seesAllNamespaces: Bool { isByOperator || context.settings.authMode.isEmpty }

    /// Whether the call may learn what is no tenant's affair: addresses of members, and what is wrong with them. Where
    /// no operator is configured, everybody may.
    package var showsInternals: Bool { isByOperator || !context.settings.hasOperators }

    package var monotonic: MonotonicTime { moment.monotonic }

    /// When the present millisecond of the monotonic clock began, in nanoseconds since 1970: the time of day of a
    /// moment in monotonic milliseconds is reckoned from it, and so is the same in each answer.
    package var wallOfMillisecond: Int64 { moment.wall.addingSaturated(-(monotonic.nanoseconds % 1_000_000)) }

    /// Whether the client used https (R112).
    var isHTTPS: Bool { context.forwarding.isHTTPS(request, isFromProxy: isFromProxy) }

    /// The client, as it is noted with changes.
    package var actor: Actor {
        Actor(
            address: client, principal: request.clientIdentity?.uris.first ?? principal?.subject,
            isOperator: isByOperator)
    }

    /// The namespace of a route that has one.
    package func tenant() throws(Refused) -> Namespace {
        guard let principal else { throw .unauthorized("a credential is required") }
        return principal.namespace
    }
}
