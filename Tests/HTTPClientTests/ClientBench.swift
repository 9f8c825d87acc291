// A client on a loop of its own, as sources have it, and a test that waits for what it is told.

import Dispatch
import HTTP
import HTTPClient
import Libevent
import Synchronization
import System
import TLS
import TestSupport

/// What a request came to.
struct Outcome: Sendable {
    var head: ReceivedHead?
    var body: [UInt8] = []
    /// How many pieces the body came in.
    var pieces = 0
    var failure: ClientFailure?
    var hasEnded = false

    var status: Int? { head?.status }
    var text: String { String(decoding: body, as: UTF8.self) }
}

final class ClientBench: Sendable {
    private typealias Order = @Sendable (HTTPClient, EventLoop, borrowing OnLoop) -> Void

    private struct Start {
        var sender: MailboxSender<Order>?
        var error: (any Error)?
    }

    private let sender: MailboxSender<Order>
    private let ended = DispatchSemaphore(value: 0)

    init(trust: TLSContext? = nil) throws {
        let start = Mutex(Start())
        let started = DispatchSemaphore(value: 0)
        let box = Box(start)
        let thread = try NamedThread("client") { [ended] in
            defer { ended.signal() }
            do {
                let loop = try EventLoop()
                let client = try HTTPClient(on: loop, trust: trust)
                let mailbox = try Mailbox<Order>(on: loop) { order, onLoop in order(client, loop, onLoop) }
                box.start.withLock { $0.sender = mailbox.sender }
                started.signal()
                loop.run()
                withExtendedLifetime((client, mailbox)) {}
            } catch {
                box.start.withLock { $0.error = error }
                started.signal()
            }
        }
        thread.detach()
        started.wait()
        if let error = box.start.withLock({ $0.error }) { throw error }
        guard let sender = box.start.withLock({ $0.sender }) else { throw WaitedInVain(for: "a client's loop") }
        self.sender = sender
    }

    private final class Box: Sendable {
        let start: Mutex<Start>
        init(_ start: consuming Mutex<Start>) { self.start = start }
    }

    deinit {
        sender.send { client, loop, onLoop in
            client.close(onLoop)
            loop.stop(onLoop)
        }
        _ = ended.wait(timeout: .now() + .seconds(Int(Deadline.patience)))
    }

    /// Does something on the loop.
    func onLoop(_ body: @escaping @Sendable (HTTPClient, borrowing OnLoop) -> Void) {
        sender.send { client, _, onLoop in body(client, onLoop) }
    }

    /// Sends a request and waits for its end.
    ///
    /// - Parameter stopAfter: cancels once the body has so many bytes.
    func outcome(of request: OutgoingRequest, stopAfter: Int? = nil) throws -> Outcome {
        let result = Shared()
        let done = DispatchSemaphore(value: 0)
        onLoop { client, onLoop in
            let id = Mutex<ClientExchangeID?>(nil)
            let box = IDBox(id)
            let started = client.start(request, onLoop) { event, onLoop in
                result.outcome.withLock { outcome in
                    precondition(!outcome.hasEnded, "an event after the end")
                    switch event {
                    case .head(let head): outcome.head = head
                    case .body(let bytes):
                        outcome.body += bytes
                        outcome.pieces += 1
                        if let stopAfter, outcome.body.count >= stopAfter, let id = box.id.withLock({ $0 }) {
                            client.cancel(id, onLoop)
                            outcome.hasEnded = true
                        }
                    case .ended: outcome.hasEnded = true
                    case .failed(let failure):
                        outcome.failure = failure
                        outcome.hasEnded = true
                    }
                    if outcome.hasEnded { done.signal() }
                }
            }
            box.id.withLock { $0 = started }
        }
        guard done.wait(timeout: .now() + .seconds(Int(Deadline.patience))) == .success else {
            throw WaitedInVain(for: "the end of a request", "\(result.outcome.withLock { $0 })")
        }
        return result.outcome.withLock { $0 }
    }

    /// Fetches and waits.
    func fetched(_ request: OutgoingRequest) throws -> Result<FetchedAnswer, ClientFailure> {
        let (results, sender) = (DispatchSemaphore(value: 0), ResultBox())
        onLoop { client, onLoop in
            client.fetch(request, onLoop) { result, _ in
                sender.result.withLock { $0 = result }
                results.signal()
            }
        }
        guard results.wait(timeout: .now() + .seconds(Int(Deadline.patience))) == .success,
            let result = sender.result.withLock({ $0 })
        else { throw WaitedInVain(for: "a fetched answer") }
        return result
    }

    private final class ResultBox: Sendable { let result = Mutex<Result<FetchedAnswer, ClientFailure>?>(nil) }
    private final class Shared: Sendable { let outcome = Mutex(Outcome()) }
    private final class IDBox: Sendable {
        let id: Mutex<ClientExchangeID?>
        init(_ id: consuming Mutex<ClientExchangeID?>) { self.id = id }
    }
}

extension OutgoingRequest {
    /// To a server on the loopback.
    init(_ method: HTTP.Method = .get, port: UInt16, _ target: String = "/", host: String = "127.0.0.1") throws {
        self.init(method, try HTTPURL("http://\(host):\(port)\(target)"))
    }
}
