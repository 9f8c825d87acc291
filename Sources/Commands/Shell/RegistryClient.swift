// The loop of a command, and its one client: a question is asked of the members one after the other until one answers,
// and whoever waits for it is told so after a second.

import Configuration
import Glibc
import HTTP
import HTTPClient
import Libevent
import System
import TLS

/// Asks a registry. Belongs to the main thread.
final class RegistryClient {
    /// Bytes that an answer may have: a million instances.
    private static let longestAnswer = 1 << 30
    /// How often a change of certificates is looked for, in milliseconds.
    private static let renewalPeriod = 5_000

    typealias Handler = (Result<RegistryAnswer, CommandFailure>, borrowing OnLoop) -> Void

    let loop: EventLoop
    private let target: RegistryTarget
    /// In milliseconds.
    private let patience: Int
    private let client: HTTPClient
    private let progress: ProgressLine
    private var renewal: LoopEvent?
    /// The member that answered last, which is asked first.
    private var preferred = 0

    /// - Parameter patience: how long each member may take to answer, in milliseconds.
    init(_ target: RegistryTarget, patience: Int) throws(CommandFailure) {
        self.target = target
        self.patience = patience
        SignalDisposition.ignoreBrokenPipes()
        // Whoever starts a command wants to be able to interrupt it.
        SignalDisposition.unblock([SIGINT, SIGTERM, SIGHUP])
        do {
            loop = try EventLoop()
            client = try HTTPClient(on: loop)
            progress = try ProgressLine(target.servers.map(\.description).joined(separator: ", "), on: loop)
        } catch {
            throw CommandFailure(status: .noAnswer, sentence: "no request can be made: \(error)")
        }
        guard target.servers.contains(where: \.isSecure) else { return }
        do throws(TLSError) {
            try client.believe(target.tls)
        } catch {
            throw CommandFailure(status: .usage, sentence: "\(error)")
        }
        renewal = try? LoopEvent.every(milliseconds: Self.renewalPeriod, on: loop) { [unowned self] _ in
            client.renewTrust()
        }
    }

    /// The member that is asked now, as a URL without user and password.
    var server: String { target.servers[preferred].description }

    /// Whether no other member can be the one that answers.
    var isOfOneServer: Bool { target.servers.count == 1 }

    // MARK: - One after the other

    /// Asks and waits for the answer, whatever it is.
    func answer(to request: RegistryRequest) throws(CommandFailure) -> RegistryAnswer {
        var result: Result<RegistryAnswer, CommandFailure>?
        try run { [self] onLoop in
            progress.begin()
            ask(request, onLoop) { [self] answer, onLoop in
                result = answer
                progress.end()
                loop.stop(onLoop)
            }
        }
        guard let result else { throw CommandFailure(status: .noAnswer, sentence: "the loop has ended") }
        return try result.get()
    }

    /// Asks and waits for an answer that is a success; anything else is thrown.
    func success(of request: RegistryRequest) throws(CommandFailure) -> RegistryAnswer {
        let answer = try answer(to: request)
        if let failure = answer.failure { throw failure }
        return answer
    }

    /// Runs the loop until it is stopped.
    func run(_ begin: @escaping (borrowing OnLoop) -> Void) throws(CommandFailure) {
        do throws(LibeventError) {
            let start = try LoopEvent.timer(on: loop) { onLoop in begin(onLoop) }
            start.activate()
            loop.run()
        } catch {
            throw CommandFailure(status: .noAnswer, sentence: "no request can be made: \(error)")
        }
    }

    // MARK: - On the loop

    /// Asks the members one after the other, beginning with the one that answered last.
    func ask(_ request: RegistryRequest, _ onLoop: borrowing OnLoop, _ handler: @escaping Handler) {
        attempt(request, 0, onLoop, handler)
    }

    private func attempt(
        _ request: RegistryRequest, _ count: Int, _ onLoop: borrowing OnLoop, _ handler: @escaping Handler
    ) {
        let index = (preferred + count) % target.servers.count
        let server = target.servers[index]
        var head: ReceivedHead?
        var body: [UInt8] = []
        let outgoing: OutgoingRequest
        do throws(CommandFailure) {
            outgoing = try made(request, for: server)
        } catch {
            return handler(.failure(error), onLoop)
        }
        client.start(outgoing, onLoop) { [unowned self] event, onLoop in
            switch event {
            case .head(let received): head = received
            case .body(let bytes):
                body += bytes
                progress.received = body.count
            case .ended:
                guard let head else { return }
                preferred = index
                handler(.success(RegistryAnswer(head: head, body: body, server: server.description)), onLoop)
            case .failed(let failure):
                if count + 1 < target.servers.count { return attempt(request, count + 1, onLoop, handler) }
                let sentence = TerminalText.escaped("no answer from \(server.description): \(failure)")
                handler(.failure(CommandFailure(status: .noAnswer, sentence: sentence)), onLoop)
            }
        }
    }

    private func made(
        _ request: RegistryRequest, for server: HTTPURL
    ) throws(CommandFailure) -> OutgoingRequest {
        guard var outgoing = request.outgoing(to: server, token: try token(), namespace: target.namespace) else {
            throw CommandFailure(status: .usage, sentence: "what is asked for is too long for a URL")
        }
        outgoing.deadlines.connect = patience
        outgoing.deadlines.head = patience
        outgoing.deadlines.whole = nil
        outgoing.deadlines.silence = patience
        outgoing.limits.body = Self.longestAnswer
        return outgoing
    }

    /// A stream that goes on until it ends or is given up; nothing of it is kept here. Each call asks the next member.
    func stream(
        _ request: RegistryRequest, after lastID: String?, silence: Int, _ onLoop: borrowing OnLoop,
        _ handler: @escaping HTTPClient.Handler
    ) throws(CommandFailure) {
        var outgoing = try made(request, for: target.servers[preferred])
        outgoing.deadlines.silence = silence
        outgoing.limits.body = .max
        outgoing.acceptsGzip = false
        if let lastID { outgoing.fields.append(("Last-Event-ID", lastID)) }
        client.start(outgoing, onLoop, handler)
    }

    /// The next stream is asked of another member, where there is one.
    func turnToNextServer() { preferred = (preferred + 1) % target.servers.count }

    /// Gives up what is under way and closes every connection.
    func close(_ onLoop: borrowing OnLoop) { client.close(onLoop) }

    private func token() throws(CommandFailure) -> String? {
        switch target.token {
        case nil: return nil
        case .text(let token): return token
        case .file(let path):
            let bytes: [UInt8]
            do {
                bytes = try SecretFile.read(path)
            } catch {
                throw CommandFailure(status: .usage, sentence: TerminalText.escaped("\(path) cannot be read: \(error)"))
            }
            guard let token = RegistryTarget.token(inFile: bytes) else {
                throw CommandFailure(status: .usage, sentence: TerminalText.escaped("\(path) has no token"))
            }
            return token
        }
    }
}
