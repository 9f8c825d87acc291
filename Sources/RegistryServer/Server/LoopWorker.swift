// One API loop: a thread with its event base, its servers and its responder. No other thread touches it; stopping is
// requested and reported by mail.

import Authorization
import Catalog
import DNSServer
import HTTP
import Issuer
import Libevent
import Logging
import RegistryCore
import Replication
import Serving
import System
import TLS
import Telemetry
import Time

/// Mail from the control loop to an API loop.
enum WorkerOrder: Sendable {
    /// Take nothing new, finish what was begun, then end.
    case drain
    /// End what is held until something changes, and serve on.
    case endWatches
    /// What its tickets have come to.
    case cluster(ClusterReply)
    /// Judge credentials by this from now on.
    case authorize(AuthorizationConfiguration)
    /// The issuer of tokens was asked for its keys; if it had others, they have come before this.
    case issuerAnswered
}

/// Mail from an API loop or the replication thread to the control loop.
enum WorkerReport: Sendable {
    /// It accepts connections; orders go to this sender.
    case serving(MailboxSender<WorkerOrder>)
    /// It could not start.
    case failed(any Error)
    /// Its thread is about to end.
    case ended
    /// The thread that speaks to the others could not start, or the store is of no use.
    case memberFailed(any Error)
    /// What has come of a question for keys.
    case issuerAnswered(KeyFetcher.Outcome)
    /// What a file had has been read: whether there was anything.
    case restored(isAnything: Bool)
    /// This member has left its cluster.
    case left
}

/// What an API loop is made of.
struct LoopWorker: Sendable {
    /// What a loop serves on one port.
    enum Service: Sendable {
        /// On a listening socket.
        case http(Int32)
        case https(Secure)
        /// DNS, on a bound socket of datagrams and on a listening one.
        case dns(DNSService)
    }

    /// The two sockets of DNS.
    struct DNSService: Sendable {
        let datagrams: Int32
        let streams: Int32
        let configuration: DNSConfiguration
        let counts: DNSCounts
    }

    /// A TLS listening socket.
    struct Secure: Sendable {
        let descriptor: Int32
        let contexts: TLSContextBox
        let health: TLSHealth
    }

    /// How often a loop measures how late its timer runs, in milliseconds.
    private static let lagPeriod = 500
    /// How often a loop says what it has read, in milliseconds: leases run out three times as late.
    private static let readPeriod = 100

    let index: Int
    /// At least one is there.
    let services: [Service]
    let context: ServerContext
    let authorization: AuthorizationConfiguration
    let gauge: ConnectionGauge
    let log: LogPipe
    let logFormat: LogFormat
    let threshold: LogThreshold
    let control: MailboxSender<WorkerReport>

    /// The thread's whole life.
    func run() {
        defer { control.send(.ended) }
        do {
            try serve()
        } catch {
            control.send(.failed(error))
        }
    }

    private func serve() throws {
        let loop = try EventLoop()
        let metrics = context.loopMetrics[index]
        let responder = Responder(
            context, Protocols.routes(context.settings), authorizer: try Authorizer(authorization), metrics: metrics,
            accessLog: AccessLog(
                log, format: logFormat, rule: context.accessLogRule, memberName: ReplicationParts.name(context.settings)
            ))
        let kept = try KeptReplies(on: loop, index: index, responder, context, metrics)
        let running: [any LoopService] = try services.flatMap { service in
            switch service {
            case .http(let descriptor): [try server(on: loop, listening: descriptor, security: nil, responder, kept)]
            case .https(let secure):
                [try server(on: loop, listening: secure.descriptor, security: security(secure), responder, kept)]
            case .dns(let service): try dns(on: loop, service)
            }
        }
        let mailbox = try Mailbox<WorkerOrder>(on: loop) { [kept] order, onLoop in
            switch order {
            case .cluster(let reply): kept.received(reply)
            case .issuerAnswered: kept.issuerAnswered()
            case .endWatches: kept.endWatches()
            case .authorize(let configuration):
                // This fails only when OpenSSL does; then clients that were accepted before still are.
                if let authorizer = try? Authorizer(configuration) { responder.change(authorizer) }
            case .drain:
                for service in running {
                    service.drain(onLoop) { onLoop in
                        if running.allSatisfy(\.isDrained) { loop.stop(onLoop) }
                    }
                }
            }
        }
        context.registry.cluster.connect(loop: index) { [sender = mailbox.sender] reply in sender.send(.cluster(reply))
        }
        var expected = MonotonicClock.now()
        let lagTimer = try LoopEvent.every(milliseconds: Self.lagPeriod, on: loop) { _ in
            let now = MonotonicClock.now()
            let late = now.nanoseconds(since: expected + .milliseconds(Self.lagPeriod))
            metrics.recordLag(microseconds: max(0, Int(late / 1_000)))
            expected = now
        }
        let readMark = context.registry.expiryHold.loops[index]
        let readTimer = try LoopEvent.every(milliseconds: Self.readPeriod, on: loop) { [context] _ in
            readMark.turn(at: context.registry.leaseClock.now(monotonic: MonotonicClock.now()))
        }
        defer { readMark.retire() }
        control.send(.serving(mailbox.sender))
        loop.run()
        withExtendedLifetime((running, mailbox, lagTimer, readTimer, kept)) {}
    }

    private func server(
        on loop: EventLoop, listening descriptor: Int32, security: HTTPServer.Security?, _ responder: Responder,
        _ kept: KeptReplies
    ) throws -> HTTPServer {
        let context = context
        return try HTTPServer(
            on: loop, listening: descriptor, limits: RequestLimits(), gauge: gauge,
            connectionLimits: context.connectionLimits, security: security, bodyRule: responder.bodyRule,
            standing: Response.standing,
            refused: { [isSecure = security != nil] refusal, cause, client in
                responder.respond(to: refusal, cause, from: client, isSecure: isSecure, at: WallClock.nanoseconds())
            }
        ) { request, reply, _ in
            let arrived = MonotonicClock.now()
            let moment = context.registry.moment(monotonic: arrived, wall: WallClock.nanoseconds())
            switch responder.respond(to: consume request, at: moment, finished: MonotonicClock.now) {
            case .answered(let response): reply.send(response)
            case .waits(let call): kept.keep(call, reply)
            }
        }
    }

    /// DNS by both transports, which answer from one table.
    private func dns(on loop: EventLoop, _ service: DNSService) throws -> [any LoopService] {
        // No query has a credential, so no secret that changes concerns it.
        let responder = DNSResponder(
            context.registry, service.configuration, try Authorizer(authorization), service.counts)
        return [
            try DNSDatagrams(on: loop, bound: service.datagrams, responder),
            try DNSStreams(
                on: loop, listening: service.streams, responder, context.connectionLimits, service.counts),
        ]
    }

    /// A failed handshake is the client's fault: it gets one debug line and a count.
    private func security(_ secure: Secure) -> HTTPServer.Security {
        var named = Logger(label: "registry") { [log, logFormat, threshold] label in
            PipeLogHandler(label: label, pipe: log, format: logFormat, threshold: threshold)
        }
        if let name = ReplicationParts.name(context.settings) { named[metadataKey: "member_name"] = "\(name)" }
        let logger = named
        return HTTPServer.Security(contexts: secure.contexts) { reason, client in
            secure.health.handshakeFailed()
            logger.debug("TLS handshake failed", metadata: ["reason": "\(reason)", "client": "\(client ?? "")"])
        }
    }
}
