// One request on its way through the responder: what came, and what is learnt of it step by step. It cannot be copied, only lent, so that passing
// it on costs nothing: a request is a dozen references.

import Catalog
import HTTP

/// What a handler is given.
package struct Call: ~Copyable {
    package let request: Request
    /// When the request arrived, or of a call that waited, when it went on.
    package private(set) var moment: Moment
    /// The same in nanoseconds of the monotonic clock.
    package private(set) var monotonic: Int64
    /// When the request arrived, in nanoseconds of the monotonic clock.
    package let arrived: Int64
    package let context: ServerContext
    /// The lists that this loop has rendered.
    package let answers: RenderedAnswers

    /// Who makes the request, by the word of a trusted proxy where there is one: a numeric address, or nil when nobody knows. Limits on requests and
    /// the log go by it; limits on connections by whose connection it is.
    package var client: String?
    /// Whether the connection is that of a proxy in TRUSTED_PROXIES. False where that names nobody.
    package var isFromProxy = false
    /// Empty until the path was found to be clean.
    package var path = PathSegments()
    package var operation = Operation.unmatched
    /// The tenant; nil on the pages that are open to everybody.
    package var namespace: Namespace?

    package init(_ request: consuming Request, at instant: Instant, _ context: ServerContext, _ answers: RenderedAnswers) {
        self.request = request
        moment = instant.moment
        monotonic = instant.monotonic
        arrived = instant.monotonic
        self.context = context
        client = self.request.clientAddress
        self.answers = answers
    }

    /// The call has waited, and goes on now.
    mutating func goOn(at instant: Instant) {
        moment = instant.moment
        monotonic = instant.monotonic
    }

    /// The time that it is.
    package var instant: Instant { Instant(moment: moment, monotonic: monotonic) }

    /// When the present millisecond of the monotonic clock began, in nanoseconds since 1970: the time of day of a moment in monotonic milliseconds is
    /// reckoned from it, and so is the same in each answer.
    package var wallOfMillisecond: Int64 { moment.wall.addingSaturated(-(monotonic % 1_000_000)) }

    /// Whether the client used https (R112).
    var isHTTPS: Bool { context.forwarding.isHTTPS(request, isFromProxy: isFromProxy) }

    /// Who asks, as it is told with what is changed.
    package var actor: Actor { Actor(address: client, principal: request.clientIdentity?.uris.first) }

    /// The namespace of a route that has one.
    package func tenant() throws(Refused) -> Namespace {
        guard let namespace else { throw .unauthorized("a credential is needed") }
        return namespace
    }
}
