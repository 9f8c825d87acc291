// Requests to other servers, on a loop of their own: sources of instances, publishers of keys, the command line. What
// libevent's client does not do is done here, by the pure rules beside this file: deadlines, retries, redirects, bounds.
//
//   looked up ──► connecting ──► sent ──► head ──► body ──► ended
//       │             │ next address       ├─ redirect: once more from the beginning
//       └─────────────┴──────────────┴─────┴──────┴──► failed
//
// A request has its connection for itself until its answer has ended: a stream that never ends holds up no other.

package import HTTP
package import Libevent
import System
package import TLS
import Text

/// Names one request for as long as its client lives.
package struct ClientExchangeID: Hashable, Sendable {
    let number: UInt64
}

/// What happens to a request: one head, pieces of a body, and then an end or a failure, after which nothing comes.
package enum ClientEvent: Sendable {
    case head(ReceivedHead)
    /// Never empty; up to 256 KiB, and some megabytes where it was compressed.
    case body([UInt8])
    case ended
    case failed(ClientFailure)
}

/// Makes requests. Belongs to its loop's thread; its callbacks come there, never from within a call to it.
package final class HTTPClient {
    package typealias Handler = (ClientEvent, borrowing OnLoop) -> Void

    /// How often deadlines are looked at, in milliseconds.
    private static let sweepPeriod = 100

    private final class Exchange {
        let request: OutgoingRequest
        let handler: Handler
        /// Where it has got to by redirects.
        var url: HTTPURL
        var redirects = 0
        var hasRetried = false
        var clock: AnswerClock
        /// Not tried yet.
        var addresses: ArraySlice<String> = []
        var connection: OutgoingConnection?
        var wasKept = false
        var hasAnswer = false
        var decoder: BodyDecoder?
        /// The last reason why there is no connection.
        var refusal: OutgoingFailure?

        init(_ request: OutgoingRequest, at now: Int64, _ handler: @escaping Handler) {
            self.request = request
            self.handler = handler
            url = request.url
            clock = AnswerClock(request.deadlines, at: now)
        }
    }

    private let loop: EventLoop
    /// What servers of `https` are believed by; without it they are refused. New connections use what is set here.
    private var trust: TLSContext? {
        didSet { idle.closeAll() }
    }
    /// The files that servers are believed by, and that they are shown. Nil where there are none, or no server is asked
    /// over TLS.
    private var trusted: (configuration: ClientTLSConfiguration, watch: FileWatch)?
    private var exchanges: [UInt64: Exchange] = [:]
    private var lastNumber: UInt64 = 0
    private let idle = IdleConnections()
    private var resolver: NameResolver?
    private var sweeper: LoopEvent?
    /// Failures that were found within `start`, which are told in a later turn.
    private var failedAtOnce: [(number: UInt64, failure: ClientFailure)] = []
    private var teller: LoopEvent?

    package init(on loop: EventLoop, trust: TLSContext? = nil) throws {
        self.loop = loop
        self.trust = trust
        resolver = try NameResolver(on: loop) { [unowned self] result, onLoop in resolved(result, onLoop) }
        teller = try LoopEvent.timer(on: loop) { [unowned self] onLoop in tellOfFailures(onLoop) }
        sweeper = try LoopEvent.every(milliseconds: Self.sweepPeriod, on: loop) { [unowned self] onLoop in
            sweep(at: MonotonicClock.milliseconds(), onLoop)
        }
    }

    // MARK: - What its owner does

    /// From now on servers of `https` are believed by the authorities in a file of PEM; nil stands for those of the
    /// system.
    package func believe(authorityPath: String?) throws(TLSError) {
        try believe(ClientTLSConfiguration(authorityPath: authorityPath))
    }

    /// The same, and servers that ask for a certificate are shown one.
    package func believe(_ configuration: ClientTLSConfiguration) throws(TLSError) {
        let paths = configuration.paths
        trusted = paths.isEmpty ? nil : (configuration, FileWatch(paths))
        trust = try Self.trust(configuration)
    }

    /// Takes over files that have changed; those that cannot be read change nothing. To be called now and then.
    package func renewTrust() {
        guard let configuration = trusted?.configuration, trusted?.watch.haveChanged() == true else { return }
        trusted = (configuration, FileWatch(configuration.paths))
        if let renewed = try? Self.trust(configuration) { trust = renewed }
    }

    private static func trust(_ configuration: ClientTLSConfiguration) throws(TLSError) -> TLSContext {
        try TLSContext(trusting: configuration, now: WallClock.seconds())
    }

    /// Sends a request; what follows is told to `handler`.
    @discardableResult
    package func start(
        _ request: OutgoingRequest, _ onLoop: borrowing OnLoop, _ handler: @escaping Handler
    ) -> ClientExchangeID {
        lastNumber += 1
        let exchange = Exchange(request, at: MonotonicClock.milliseconds(), handler)
        exchanges[lastNumber] = exchange
        if let fault = request.fault {
            failLater(lastNumber, .unsendable(fault))
        } else {
            begin(lastNumber, exchange, onLoop)
        }
        return ClientExchangeID(number: lastNumber)
    }

    /// The same for an answer that is wanted as a whole.
    @discardableResult
    package func fetch(
        _ request: OutgoingRequest, _ onLoop: borrowing OnLoop,
        _ handler: @escaping (Result<FetchedAnswer, ClientFailure>, borrowing OnLoop) -> Void
    ) -> ClientExchangeID {
        var head: ReceivedHead?
        var body: [UInt8] = []
        return start(request, onLoop) { event, onLoop in
            switch event {
            case .head(let received): head = received
            case .body(let bytes): body += bytes
            case .ended: if let head { handler(.success(FetchedAnswer(head: head, body: body)), onLoop) }
            case .failed(let failure): handler(.failure(failure), onLoop)
            }
        }
    }

    /// Without a byte of the body for so many milliseconds, the answer is too slow from now on: for a server that turns out
    /// to send something now and then.
    package func limitSilence(of id: ClientExchangeID, to milliseconds: Int) {
        exchanges[id.number]?.clock.limitSilence(to: milliseconds)
    }

    /// Gives a request up; nothing is told of it any more.
    package func cancel(_ id: ClientExchangeID, _: borrowing OnLoop) {
        exchanges.removeValue(forKey: id.number)?.connection?.close()
    }

    /// Gives all requests up and closes every connection.
    package func close(_: borrowing OnLoop) {
        for exchange in exchanges.values { exchange.connection?.close() }
        exchanges = [:]
        idle.closeAll()
    }

    // MARK: - The way to a connection

    private func begin(_ number: UInt64, _ exchange: Exchange, _ onLoop: borrowing OnLoop) {
        let now = MonotonicClock.milliseconds()
        exchange.clock.enter(.connection, at: now)
        exchange.hasAnswer = false
        if !exchange.hasRetried, let kept = idle.take(for: exchange.url.server, at: now) {
            exchange.wasKept = true
            return send(number, exchange, on: kept, onLoop)
        }
        exchange.wasKept = false
        if IPAddress(exchange.url.host) != nil {
            exchange.addresses = [exchange.url.host]
            connect(number, exchange, onLoop)
        } else if resolver?.resolve(exchange.url.host, number: number) != true {
            failLater(number, .noSuchHost("too many look-ups hang"))
        }
    }

    private func resolved(_ result: NameResolver.Result, _ onLoop: borrowing OnLoop) {
        guard let exchange = exchanges[result.number], exchange.connection == nil else { return }
        switch result.addresses {
        case .failure(let failure): fail(result.number, .noSuchHost(failure.description), onLoop)
        case .success(let addresses):
            // A zone means something on one link of this machine only, and no certificate has one.
            exchange.addresses = addresses.filter { IPAddress($0) != nil }[...]
            connect(result.number, exchange, onLoop)
        }
    }

    /// Tries the next address.
    private func connect(_ number: UInt64, _ exchange: Exchange, _ onLoop: borrowing OnLoop) {
        guard let address = exchange.addresses.popFirst() else {
            return failLater(
                number, exchange.refusal.map { .connection($0) } ?? .noSuchHost("the name has no address"))
        }
        var security: (context: TLSContext, host: String)?
        if exchange.url.isSecure {
            guard let trust else { return failLater(number, .unsendable("there is no TLS for this client")) }
            security = (trust, exchange.url.host)
        }
        do throws(LibeventError) {
            let connection = try OutgoingConnection(
                to: address, port: exchange.url.port, security: security, on: loop)
            send(number, exchange, on: connection, onLoop)
        } catch {
            failLater(number, .connection(.outOfMemory))
        }
    }

    private func send(
        _ number: UInt64, _ exchange: Exchange, on connection: OutgoingConnection, _ onLoop: borrowing OnLoop
    ) {
        exchange.connection = connection
        var request = exchange.request
        request.url = exchange.url
        connection.send(
            request.method, request.url.target, fields: request.sentFields, body: request.body,
            limits: OutgoingLimits(head: request.limits.head, chunk: request.limits.chunk), onLoop
        ) { [unowned self] event, onLoop in came(event, to: number, onLoop) }
    }

    // MARK: - The answer

    private func came(_ event: OutgoingEvent, to number: UInt64, _ onLoop: borrowing OnLoop) {
        guard let exchange = exchanges[number] else { return }
        switch event {
        case .head(let head): headed(number, exchange, head, onLoop)
        case .body(let bytes):
            exchange.clock.heard(at: MonotonicClock.milliseconds())
            do throws(ClientFailure) {
                try exchange.decoder?.decode(bytes) { piece in
                    // The owner may have given up on it at an earlier piece.
                    if exchanges[number] === exchange { exchange.handler(.body(piece), onLoop) }
                }
            } catch {
                fail(number, error, onLoop)
            }
        case .ended: ended(number, exchange, onLoop)
        case .failed(let failure): failed(number, exchange, failure, onLoop)
        }
    }

    private func headed(_ number: UInt64, _ exchange: Exchange, _ head: ReceivedHead, _ onLoop: borrowing OnLoop) {
        exchange.hasAnswer = true
        switch RedirectRule(head, to: exchange.request.method, at: exchange.url, after: exchange.redirects) {
        case .refuse(let sentence): return fail(number, .redirected(sentence), onLoop)
        case .follow(let url):
            // Its body is of no use, and may be long.
            exchange.connection?.close()
            exchange.connection = nil
            exchange.url = url
            exchange.redirects += 1
            return begin(number, exchange, onLoop)
        case .answer: break
        }
        exchange.clock.enter(.body, at: MonotonicClock.milliseconds())
        do throws(ClientFailure) {
            exchange.decoder = try BodyDecoder(head, limit: exchange.request.limits.body)
        } catch {
            return fail(number, error, onLoop)
        }
        exchange.handler(.head(head), onLoop)
    }

    private func ended(_ number: UInt64, _ exchange: Exchange, _ onLoop: borrowing OnLoop) {
        do throws(ClientFailure) {
            try exchange.decoder?.finish()
        } catch {
            return fail(number, error, onLoop)
        }
        exchanges[number] = nil
        if let connection = exchange.connection {
            idle.keep(connection, of: exchange.url.server, at: MonotonicClock.milliseconds())
        }
        exchange.handler(.ended, onLoop)
    }

    private func failed(
        _ number: UInt64, _ exchange: Exchange, _ failure: OutgoingFailure, _ onLoop: borrowing OnLoop
    ) {
        let isConnecting = exchange.connection?.isConnected == false
        exchange.connection?.close()
        exchange.connection = nil
        if RetryRule.sendsAgain(
            after: failure, wasKept: exchange.wasKept, isRepeatable: exchange.request.isRepeatable,
            hasRetried: exchange.hasRetried, hasAnswer: exchange.hasAnswer)
        {
            exchange.hasRetried = true
            return begin(number, exchange, onLoop)
        }
        if isConnecting, !exchange.addresses.isEmpty {
            exchange.refusal = failure
            return connect(number, exchange, onLoop)
        }
        fail(number, .connection(failure), onLoop)
    }

    private func fail(_ number: UInt64, _ failure: ClientFailure, _ onLoop: borrowing OnLoop) {
        guard let exchange = exchanges.removeValue(forKey: number) else { return }
        exchange.connection?.close()
        exchange.handler(.failed(failure), onLoop)
    }

    private func failLater(_ number: UInt64, _ failure: ClientFailure) {
        failedAtOnce.append((number, failure))
        teller?.activate()
    }

    private func tellOfFailures(_ onLoop: borrowing OnLoop) {
        let failed = failedAtOnce
        failedAtOnce = []
        for (number, failure) in failed { fail(number, failure, onLoop) }
    }

    private func sweep(at now: Int64, _ onLoop: borrowing OnLoop) {
        idle.sweep(at: now)
        for (number, exchange) in exchanges {
            if exchange.clock.phase == .connection, exchange.connection?.isConnected == true {
                exchange.clock.enter(.head, at: now)
            }
            if let lateness = exchange.clock.lateness(at: now) { fail(number, .tooSlow(lateness), onLoop) }
        }
    }
}
