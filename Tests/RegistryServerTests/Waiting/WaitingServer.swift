// A server whose calls may wait, as the registry's loops have it, for tests.

import HTTP
import Libevent
import Replication
import System
import TestSupport

@testable import Authorization
@testable import RegistryCore
@testable import RegistryServer
@testable import Serving

enum WaitingServer {
    /// Serves with one loop, on real clocks, until it is released.
    ///
    /// - Parameters:
    ///   - keys: what tokens are verified with.
    ///   - issuer: is given what has the server take other keys.
    static func start(
        _ context: ServerContext, _ routes: RouteTable = Protocols.routes, capacity: Int = KeptReplies.capacity,
        pollsAtOnce: Int = DeliveryParts.atOnce, _ connectionLimits: ConnectionLimits = ConnectionLimits(),
        keys: KeySet? = KeySet.none,
        issuer: @escaping @Sendable (@escaping @Sendable (KeySet) -> Void) -> Void = { _ in }
    ) throws
        -> LiveServer
    {
        try LiveServer(connectionLimits: connectionLimits) { _ in
            let responder = Responder(
                context, routes, authorizer: try Authorizer(AuthorizationConfiguration(context.settings, keys: keys)),
                metrics: context.loopMetrics[0],
                accessLog: nil)
            var handler = LoopHandler(
                respond: { _ in Response(.internalServerError) },
                refused: { refusal, cause, client in
                    responder.respond(to: refusal, cause, from: client, isSecure: false, at: 0)
                })
            handler.standing = Response.standing
            handler.makeAnswering = { loop in
                let kept = try KeptReplies(
                    on: loop, index: 0, capacity: capacity, pollsAtOnce: pollsAtOnce, responder, context,
                    context.loopMetrics[0])
                let mailbox = try Mailbox<ClusterReply>(on: loop) { reply, _ in kept.received(reply) }
                context.registry.cluster.connect(loop: 0) { [sender = mailbox.sender] in sender.send($0) }
                // The issuer answers.
                let keyMailbox = try Mailbox<KeySet>(on: loop) { keys, _ in
                    let configuration = AuthorizationConfiguration(context.settings, keys: keys)
                    if let authorizer = try? Authorizer(configuration) { responder.change(authorizer) }
                    kept.issuerAnswered()
                }
                issuer { [sender = keyMailbox.sender] in sender.send($0) }
                return { request, reply in
                    withExtendedLifetime((mailbox, keyMailbox)) {}
                    let now = MonotonicClock.now()
                    let moment = context.registry.moment(monotonic: now, wall: WallClock.nanoseconds())
                    switch responder.respond(to: request, at: moment, finished: MonotonicClock.now) {
                    case .answered(let response): reply.send(response)
                    case .waits(let call): kept.keep(call, reply)
                    }
                }
            }
            return handler
        }
    }
}
