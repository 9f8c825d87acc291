// Event loops that answer over TLS on one port, as the registry's do, for tests that need real sockets.

import Dispatch
import Glibc
import HTTP
import Libevent
import Synchronization
import System
import TLS

/// Several loops with an `HTTPServer` each. The answer's body is what the request was seen as.
final class RunningServer {
    private enum Order: Sendable { case stop }

    let port: UInt16
    let contexts: TLSContextBox
    let gauge = ConnectionGauge()
    private let failures = FailureLog()
    private var threads: [NamedThread] = []
    private var senders: [MailboxSender<Order>] = []

    /// What failed handshakes were reported with.
    final class FailureLog: Sendable {
        private let reasons = Mutex<[String]>([])
        private let arrival = DispatchSemaphore(value: 0)

        func append(_ reason: String) {
            reasons.withLock { $0.append(reason) }
            arrival.signal()
        }

        /// The next reason, once there is one; nil after ten seconds.
        func next() -> String? {
            guard arrival.wait(timeout: .now() + 10) == .success else { return nil }
            return reasons.withLock { $0.removeFirst() }
        }

        var isEmpty: Bool { reasons.withLock { $0.isEmpty } }
    }

    private final class SenderBox: Sendable {
        let sender = Mutex<MailboxSender<Order>?>(nil)
        let arrival = DispatchSemaphore(value: 0)
    }

    init(
        _ context: TLSContext, loops: Int = 1, rules: LimitRules = LimitRules(),
        clock: @escaping @Sendable () -> Int64 = { MonotonicClock.milliseconds() }
    ) throws {
        // As the registry does: a client that has gone is an error to handle, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        contexts = TLSContextBox(context)
        let listening = try Self.listen(loops)
        port = listening.port
        let connectionLimits = ConnectionLimits(rules)
        for (index, descriptor) in listening.descriptors.enumerated() {
            let box = SenderBox()
            let thread = try NamedThread("test-\(index)") { [contexts, gauge, failures] in
                try? Self.serve(index, descriptor, contexts, gauge, connectionLimits, clock, failures) { sender in
                    box.sender.withLock { $0 = sender }
                    box.arrival.signal()
                }
            }
            box.arrival.wait()
            threads.append(thread)
            if let sender = box.sender.withLock({ $0 }) { senders.append(sender) }
        }
    }

    /// A port's claim lasts as long as the process, so one that the system hands out a second time is taken: then
    /// another is asked for.
    private static func listen(_ loops: Int) throws(PortError) -> ListeningPort {
        for _ in 0..<20 {
            if let port = try? ListeningPort(address: "127.0.0.1", port: 0, count: loops) { return port }
        }
        return try ListeningPort(address: "127.0.0.1", port: 0, count: loops)
    }

    /// Begins to stop, as the registry does.
    func stop() {
        for sender in senders { sender.send(.stop) }
    }

    deinit {
        stop()
        for thread in threads { thread.join() }
    }

    func nextFailure() -> String? { failures.next() }
    var hasFailures: Bool { !failures.isEmpty }

    private static func serve(
        _ index: Int, _ descriptor: Int32, _ contexts: TLSContextBox, _ gauge: ConnectionGauge,
        _ connectionLimits: ConnectionLimits,
        _ clock: @escaping @Sendable () -> Int64, _ failures: FailureLog,
        _ started: (MailboxSender<Order>) -> Void
    ) throws {
        let loop = try EventLoop()
        let security = HTTPServer.Security(contexts: contexts) { reason, _ in failures.append(reason) }
        let server = try HTTPServer(
            on: loop, listening: descriptor, limits: RequestLimits(), gauge: gauge, connectionLimits: connectionLimits,
            security: security, clock: clock,
            refused: { refusal, _, _ in
                var response = Response(refusal.status)
                if refusal.status == .serviceUnavailable { response.fields.append(.retryAfter, 1) }
                return response
            }
        ) { request, reply, _ in
            var body = Array(
                "loop \(index) secure \(request.isSecure) units \(request.clientIdentity?.organizationalUnits ?? [])"
                    .utf8)
            // /large/N asks for N bytes.
            let path = String(decoding: request.head.path, as: UTF8.self)
            if path.hasPrefix("/large/"), let count = Int(path.dropFirst(7)) {
                body = [UInt8](repeating: 0x2E, count: count)
            }
            if path == "/echo" { body = request.body }
            reply.send(Response(.ok, contentType: .json, body: body))
        }
        let mailbox = try Mailbox<Order>(on: loop) { _, onLoop in server.drain(onLoop) { loop.stop($0) } }
        started(mailbox.sender)
        loop.run()
        withExtendedLifetime((server, mailbox)) {}
    }
}
