// A loop thread with an HTTP server on an ephemeral loopback port, as the process has them, for as long as a test needs it.

import Dispatch
import HTTP
import Libevent
import Synchronization

/// What answers on a loop. Made on the loop's thread, where it stays.
public struct LoopHandler {
    public let respond: (Request) -> Response
    public let refused: (Refusal, String?) -> RequestID
    /// Whether the response is sent in a later turn of the loop.
    public let answersLater: Bool

    public init(
        answersLater: Bool = false, respond: @escaping (Request) -> Response, refused: @escaping (Refusal, String?) -> RequestID
    ) {
        self.answersLater = answersLater
        self.respond = respond
        self.refused = refused
    }
}

/// A reply that was kept, and what will be said.
private final class KeptReply {
    private var reply: PendingReply?
    private let response: Response
    private var timer: LoopEvent?

    init(_ reply: consuming PendingReply, _ response: Response) {
        self.reply = .some(consume reply)
        self.response = response
    }

    /// Sends it two milliseconds from now.
    func send(on loop: EventLoop) throws {
        timer = try LoopEvent.timer(on: loop) { [self] _ in
            reply.take()?.send(response)
            timer = nil
        }
        try timer?.schedule(afterMilliseconds: 2)
    }
}

/// A running server. Stops when it is released.
public final class LiveServer: Sendable {
    private enum Order: Sendable { case drain }

    private struct Start {
        var sender: MailboxSender<Order>?
        var error: (any Error)?
    }

    /// The thread's end of the story; outlives the server object should the thread not end in time.
    private final class Signals: Sendable {
        let start = Mutex(Start())
        let started = DispatchSemaphore(value: 0)
        let ended = DispatchSemaphore(value: 0)
    }

    public let port: UInt16
    private let signals = Signals()
    private let thread: LoopThread

    /// Serves what `makeHandler`, called on the loop's thread with the port, makes.
    public init(border: Border = Border(), _ makeHandler: @escaping @Sendable (_ port: UInt16) throws -> LoopHandler) throws {
        let listening = try LoopbackPort()
        let port = listening.port
        let descriptor = listening.descriptor
        self.port = port
        let signals = signals
        let thread = LoopThread(name: "live") {
            defer { signals.ended.signal() }
            do {
                try Self.serve(descriptor, border, try makeHandler(port), signals)
            } catch {
                signals.start.withLock { $0.error = error }
                signals.started.signal()
            }
        }
        guard let thread else { throw WaitedInVain(for: "a thread") }
        self.thread = thread
        guard signals.started.wait(timeout: .now() + .seconds(Int(Deadline.patience))) == .success else {
            throw WaitedInVain(for: "a server's loop to start")
        }
        if let error = signals.start.withLock({ $0.error }) { throw error }
    }

    deinit {
        signals.start.withLock { $0.sender }?.send(.drain)
        if signals.ended.wait(timeout: .now() + .seconds(Int(Deadline.patience))) == .success { thread.join() }
    }

    private static func serve(_ descriptor: Int32, _ border: Border, _ handler: LoopHandler, _ signals: Signals) throws {
        let loop = try EventLoop()
        let server = try HTTPServer(
            on: loop, listening: descriptor, limits: Limits(), gauge: ConnectionGauge(), border: border, refused: handler.refused
        ) { request, reply, _ in
            let response = handler.respond(request)
            guard handler.answersLater else { return reply.send(response) }
            // Should the timer not be had, the reply answers by itself.
            try? KeptReply(reply, response).send(on: loop)
        }
        let mailbox = try Mailbox<Order>(on: loop) { _, onLoop in
            server.drain(onLoop) { onLoop in loop.stop(onLoop) }
        }
        signals.start.withLock { $0.sender = mailbox.sender }
        signals.started.signal()
        loop.run()
        withExtendedLifetime((server, mailbox)) {}
    }
}
