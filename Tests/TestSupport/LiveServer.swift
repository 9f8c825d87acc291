// A loop thread with an HTTP server on an ephemeral loopback port, as the process has them, for as long as a test needs
// it.

import Dispatch
import Glibc
import HTTP
import Libevent
import Synchronization
import System

/// When a request is answered.
package enum ReplyMoment: Sendable {
    case atOnce
    /// In a later turn of the loop.
    case later
    /// When the test says so, by `LiveServer.answerKept()`.
    case whenTold
}

/// What answers on a loop. Made on the loop's thread, where it stays.
package struct LoopHandler {
    package let respond: (Request) -> Response
    package let refused: (Refusal, RefusalCause, String?) -> Response
    /// When the response is sent.
    package let moment: (Request) -> ReplyMoment
    /// The fields of every answer.
    package var standing = ResponseFields()
    /// Which bodies may be longer than others.
    package var bodyRule: BodyRule?
    /// Makes, on the loop's thread, what answers all requests in the place of `respond`.
    package var makeAnswering:
        ((EventLoop) throws -> (_ request: consuming Request, _ reply: consuming PendingReply) -> Void)?

    package init(
        moment: @escaping (Request) -> ReplyMoment = { _ in .atOnce }, respond: @escaping (Request) -> Response,
        refused: @escaping (Refusal, RefusalCause, String?) -> Response = LoopHandler.refuse
    ) {
        self.moment = moment
        self.respond = respond
        self.refused = refused
    }

    /// A refusal as a server without an API words it.
    package static func refuse(_ refusal: Refusal, _: RefusalCause, _: String?) -> Response {
        Response(refusal.status, contentType: ContentType("text/plain"), body: Array(refusal.sentence.utf8))
    }
}

/// The replies that wait for a word of the test. Those that never get it answer by themselves when this goes.
private final class KeptReplies {
    var replies: [KeptReply] = []

    func send() {
        for reply in replies { reply.send() }
        replies.removeAll()
    }
}

/// A reply that was kept, and what will be said.
private final class KeptReply {
    private var reply: PendingReply?
    private let response: Response
    private var timer: LoopEvent?

    func send() { reply.take()?.send(response) }

    init(_ reply: consuming PendingReply, _ response: Response) {
        self.reply = .some(consume reply)
        self.response = response
    }

    /// Sends it two milliseconds from now.
    func send(on loop: EventLoop) throws {
        timer = try LoopEvent.timer(on: loop) { [self] _ in
            send()
            timer = nil
        }
        timer?.schedule(afterMilliseconds: 2)
    }
}

/// A running server. Stops when it is released.
package final class LiveServer: Sendable {
    private enum Order: Sendable { case drain, stop, answerKept }

    private struct Start {
        var sender: MailboxSender<Order>?
        var error: (any Error)?
    }

    /// The thread's end of the story; outlives the server object should the thread not end in time.
    private final class Signals: Sendable {
        let start = Mutex(Start())
        let started = DispatchSemaphore(value: 0)
        let ended = DispatchSemaphore(value: 0)
        let kept = DispatchSemaphore(value: 0)
    }

    package let port: UInt16
    package let gauge = ConnectionGauge()
    private let signals = Signals()
    private let thread: NamedThread

    /// Serves what `makeHandler`, called on the loop's thread with the port, makes.
    ///
    /// - Parameter sendBuffer: how many bytes the kernel takes, about, for a client that reads nothing; nil for what it
    ///   takes by default, which is megabytes.
    package init(
        connectionLimits: ConnectionLimits = ConnectionLimits(), sendBuffer: Int32? = nil,
        _ makeHandler: @escaping @Sendable (_ port: UInt16) throws -> LoopHandler
    ) throws {
        // As the registry does: a client that has gone is an error to handle, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let listening = try LoopbackPort()
        let port = listening.port
        let descriptor = listening.descriptor
        if var sendBuffer {
            // Connections inherit it.
            setsockopt(
                descriptor, SOL_SOCKET, SO_SNDBUF, &sendBuffer, socklen_t(MemoryLayout.size(ofValue: sendBuffer)))
        }
        self.port = port
        let signals = signals
        thread = try NamedThread("live") { [gauge] in
            defer { signals.ended.signal() }
            do {
                let kept = KeptReplies()
                // What was kept outlives the server.
                try withExtendedLifetime(kept) {
                    try Self.serve(descriptor, connectionLimits, gauge, try makeHandler(port), kept, signals)
                }
            } catch {
                signals.start.withLock { $0.error = error }
                signals.started.signal()
            }
        }
        guard signals.started.wait(timeout: .now() + .seconds(Int(Deadline.patience))) == .success else {
            throw WaitedInVain(for: "a server's loop to start")
        }
        if let error = signals.start.withLock({ $0.error }) { throw error }
    }

    deinit {
        signals.start.withLock { $0.sender }?.send(.drain)
        if signals.ended.wait(timeout: .now() + .seconds(Int(Deadline.patience))) == .success { thread.join() }
    }

    /// Stops accepting, and ends connections as a stop of the registry does.
    package func drain() { tell(.drain) }

    /// Ends the loop at once, whatever it is at.
    package func stop() { tell(.stop) }

    /// Sends the replies that were kept until told.
    package func answerKept() { tell(.answerKept) }

    /// Returns when one more reply is being kept until told.
    package func awaitKept() throws {
        guard signals.kept.wait(timeout: .now() + .seconds(Int(Deadline.patience))) == .success else {
            throw WaitedInVain(for: "a reply to be kept")
        }
    }

    private func tell(_ order: Order) { signals.start.withLock { $0.sender }?.send(order) }

    private static func serve(
        _ descriptor: Int32, _ connectionLimits: ConnectionLimits, _ gauge: ConnectionGauge, _ handler: LoopHandler,
        _ kept: KeptReplies, _ signals: Signals
    ) throws {
        let loop = try EventLoop()
        let answering = try handler.makeAnswering?(loop)
        let server = try HTTPServer(
            on: loop, listening: descriptor, limits: RequestLimits(), gauge: gauge, connectionLimits: connectionLimits,
            bodyRule: handler.bodyRule,
            standing: handler.standing,
            refused: handler.refused
        ) { request, reply, _ in
            if let answering { return answering(request, reply) }
            let response = handler.respond(request)
            switch handler.moment(request) {
            case .atOnce: reply.send(response)
            // Should the timer not be had, the reply answers by itself.
            case .later: try? KeptReply(reply, response).send(on: loop)
            case .whenTold:
                kept.replies.append(KeptReply(reply, response))
                signals.kept.signal()
            }
        }
        let mailbox = try Mailbox<Order>(on: loop) { order, onLoop in
            switch order {
            case .drain: server.drain(onLoop) { onLoop in loop.stop(onLoop) }
            case .stop: loop.stop(onLoop)
            case .answerKept: kept.send()
            }
        }
        signals.start.withLock { $0.sender = mailbox.sender }
        signals.started.signal()
        loop.run()
        withExtendedLifetime((server, mailbox)) {}
    }
}
