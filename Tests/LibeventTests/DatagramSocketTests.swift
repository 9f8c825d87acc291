// Datagrams over real sockets of both families: each is read once, answered by the address that was asked, and however
// many come at a time others get their turn.

import Glibc
import Synchronization
import System
import TestSupport
import Testing
import Time

@testable import Libevent

struct DatagramSocketTests {
    /// A client's socket. Every wait has a deadline.
    private final class Client {
        let descriptor: Int32
        /// How many answers came from another address than was asked.
        private(set) var strange = 0

        /// Connected: the kernel lets through only what comes from the very address that was asked.
        init(_ address: String, port: UInt16) throws {
            let remote = try #require(SocketAddress(numeric: address, port: port))
            descriptor = socket(remote.family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            try #require(remote.connect(descriptor) == 0)
        }

        deinit { close(descriptor) }

        func send(_ bytes: [UInt8]) { Glibc.send(descriptor, bytes, bytes.count, 0) }

        func receive(_ what: String) throws -> [UInt8] {
            var events = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&events, 1, Int32(Deadline.patience * 1_000)) > 0 else { throw WaitedInVain(for: what) }
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            return Array(bytes[..<max(0, count)])
        }
    }

    private final class Seen: Sendable {
        let order = Mutex<[String]>([])
        let counts = Mutex(DatagramSocket.Counts())
    }

    /// Serves on a loop's thread until `body` has returned, and echoes.
    private func serve(
        _ address: String, _ seen: Seen = Seen(), startsWhen: @escaping @Sendable () -> Void = {},
        _ body: (UInt16) throws -> Void
    ) throws {
        let port = try ListeningPort(address: address, port: 0, count: 1, of: .datagrams)
        let mail = try MailboxSender<Int>()
        let thread = try NamedThread("datagrams") {
            guard let loop = try? EventLoop() else { return }
            var socket: DatagramSocket?
            socket = try? DatagramSocket(on: loop, bound: port.descriptors[0]) { datagram, peer, _ in
                var bytes: [UInt8] = []
                for index in 0..<datagram.count { bytes.append(datagram[index]) }
                seen.order.withLock { $0.append("\(bytes.count)") }
                socket?.send(bytes, to: peer)
                seen.counts.withLock { $0 = socket?.counts ?? $0 }
            }
            let timer = try? LoopEvent.every(milliseconds: 1, on: loop) { _ in
                seen.counts.withLock { $0 = socket?.counts ?? $0 }
            }
            let mailbox = try? Mailbox<Int>(on: loop, receiving: mail) { number, onLoop in
                seen.order.withLock { $0.append("mail \(number)") }
                guard number == 0, let socket else { return }
                socket.drain(onLoop) { loop.stop($0) }
            }
            startsWhen()
            loop.run()
            withExtendedLifetime((socket, timer, mailbox)) {}
            socket = nil
        }
        defer {
            mail.send(0)
            thread.join()
        }
        try body(port.port)
    }

    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("0.0.0.0", "127.0.0.2"), ("::", "::1"), ("::", "127.0.0.3"),
    ])
    func `a datagram is answered, by the address that was asked`(bound: String, asked: String) throws {
        try serve(bound) { port in
            let client = try Client(asked, port: port)
            for text in [
                "", "a", String(repeating: "b", count: 1_232), String(repeating: "c", count: DatagramSocket.longest),
            ] {
                client.send(Array(text.utf8))
                #expect(try client.receive("\(text.count) bytes") == Array(text.utf8))
            }
        }
    }

    @Test func `a datagram that is too long is counted, and disturbs nobody`() throws {
        let seen = Seen()
        try serve("127.0.0.1", seen) { port in
            let client = try Client("127.0.0.1", port: port)
            client.send([UInt8](repeating: 1, count: DatagramSocket.longest + 1))
            client.send([1, 2, 3])
            #expect(try client.receive("the short one") == [1, 2, 3])
            let deadline = Deadline()
            let expected = DatagramSocket.Counts(received: 1, tooLong: 1, sent: 1, unsent: 0)
            while seen.counts.withLock({ $0 }) != expected {
                guard deadline.remainingMilliseconds > 0 else {
                    throw WaitedInVain(for: "\(expected)", "\(seen.counts.withLock { $0 })")
                }
            }
        }
    }

    @Test func `many datagrams at once are taken in parts, between which others get their turn`() throws {
        let seen = Seen()
        let mayStart = try WakeSignal()
        let port = try ListeningPort(address: "127.0.0.1", port: 0, count: 1, of: .datagrams)
        let mail = try MailboxSender<Int>()
        let thread = try NamedThread("datagrams") {
            mayStart.wait(until: MonotonicClock.now() + .seconds(30))
            guard let loop = try? EventLoop() else { return }
            let mailbox = try? Mailbox<Int>(on: loop, receiving: mail) { number, onLoop in
                seen.order.withLock { $0.append("mail \(number)") }
                if number == 0 { loop.stop(onLoop) }
            }
            let socket = try? DatagramSocket(on: loop, bound: port.descriptors[0]) { datagram, _, _ in
                // Mail that is sent meanwhile.
                if seen.order.withLock({ $0.isEmpty }) { mail.send(1) }
                seen.order.withLock { $0.append("\(datagram.count)") }
            }
            loop.run()
            withExtendedLifetime((socket, mailbox)) {}
        }
        let client = try Client("127.0.0.1", port: port.port)
        for _ in 0..<200 { client.send([1]) }
        mayStart.raise()
        let deadline = Deadline()
        while seen.order.withLock({ $0.count { $0 == "1" } }) < 200 {
            guard deadline.remainingMilliseconds > 0 else {
                throw WaitedInVain(for: "200 datagrams", "\(seen.order.withLock { $0.count })")
            }
        }
        mail.send(0)
        thread.join()
        let order = seen.order.withLock { $0 }
        #expect(order.firstIndex(of: "mail 1") ?? .max <= 2 * DatagramSocket.perTurn, "the mail waits for all of them")
    }

    @Test func `loops share a port, and a second registry is refused it`() throws {
        let port = try ListeningPort(address: "127.0.0.1", port: 0, count: 3, of: .datagrams)
        defer { for descriptor in port.descriptors { close(descriptor) } }
        #expect(port.descriptors.count == 3)
        #expect(throws: PortError.inUse(port: port.port)) {
            try ListeningPort(address: "127.0.0.1", port: port.port, count: 1, of: .datagrams)
        }
        // Streams have ports of their own.
        let streams = try ListeningPort(address: "127.0.0.1", port: port.port, count: 1)
        for descriptor in streams.descriptors { close(descriptor) }
    }
}
