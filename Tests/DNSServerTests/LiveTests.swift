// DNS over real sockets: many datagrams at once, connections that pipeline, that send halves, and that never read.

import Authorization
import DNS
import Glibc
import Libevent
import Synchronization
import System
import TestDNS
import TestSupport
import Testing
import Time

@testable import Configuration
@testable import DNSServer
@testable import RegistryCore

struct LiveTests {
    private func framed(_ message: [UInt8]) -> [UInt8] { number(message.count) + message }

    private func answer(_ client: SocketClient) throws -> ReadAnswer { try ReadAnswer(client.message("an answer")) }

    /// Time as the test has it.
    private final class TestClock: Sendable {
        private let nanoseconds = Atomic<Int64>(0)

        var now: MonotonicTime { MonotonicTime(nanoseconds: nanoseconds.load(ordering: .acquiring)) }
        func set(seconds: Int64) { nanoseconds.store(seconds * 1_000_000_000, ordering: .releasing) }
    }

    /// Serves until `body` has returned.
    ///
    /// - Parameter sweepPeriod: how often it is looked for idle connections, in milliseconds.
    private func serve(
        connections: Int = 100, sweepPeriod: Int = DNSStreams.sweepPeriod, clock: TestClock = TestClock(),
        _ world: DNSWorld, _ body: (_ port: UInt16, _ limits: ConnectionLimits) throws -> Void
    ) throws {
        let streams = try ListeningPort(address: "127.0.0.1", port: 0, count: 1)
        let datagrams = try ListeningPort(address: "127.0.0.1", port: streams.port, count: 1, of: .datagrams)
        var rules = LimitRules()
        rules.connections = connections
        let limits = ConnectionLimits(rules)
        let mail = try MailboxSender<Int>()
        let (registry, configuration, counts) = (world.registry, world.configuration, world.counts)
        let thread = try NamedThread("dns") {
            guard let loop = try? EventLoop(),
                let authorizer = try? Authorizer(AuthorizationConfiguration(registry.settings))
            else { return }
            let responder = DNSResponder(registry, configuration, authorizer, counts)
            let socket = try? DNSDatagrams(on: loop, bound: datagrams.descriptors[0], responder) { clock.now }
            let service = try? DNSStreams(
                on: loop, listening: streams.descriptors[0], responder, limits, counts, sweepPeriod: sweepPeriod
            ) { clock.now }
            guard let socket, let service else { return }
            let running: [any LoopService] = [socket, service]
            let mailbox = try? Mailbox<Int>(on: loop, receiving: mail) { _, onLoop in
                for service in running {
                    service.drain(onLoop) { onLoop in if running.allSatisfy(\.isDrained) { loop.stop(onLoop) } }
                }
            }
            loop.run()
            withExtendedLifetime((running, mailbox)) {}
        }
        defer {
            mail.send(0)
            thread.join()
        }
        try body(streams.port, limits)
    }

    private func wait(_ what: String, until isSo: () -> Bool) throws {
        let deadline = Deadline()
        while !isSo() {
            guard deadline.remainingMilliseconds > 0 else { throw WaitedInVain(for: what) }
            usleep(1_000)
        }
    }

    private func world(_ instances: Int = 3) throws -> DNSWorld {
        let world = try DNSWorld()
        for number in 0..<instances { world.register("web", "10.0.\(number / 250).\(number % 250):80") }
        return world
    }

    @Test func `many datagrams at once are all answered, each with its own id`() throws {
        try serve(try world(200)) { port, _ in
            let client = try SocketClient(port: port, isStream: false)
            // More than one system call takes, of short answers; and as many long ones as the client's kernel keeps.
            for (count, type, size) in [(200, RecordType.aaaa, 512), (12, RecordType.srv, 8_192)] {
                for id in 0..<count {
                    var query = TestQuery("web.service.a8", type, size: size)
                    query.id = id
                    client.send(query.bytes)
                }
                var ids: Set<Int> = []
                for _ in 0..<count {
                    let read = try ReadAnswer(try client.receive("an answer"))
                    #expect(type == RecordType.aaaa || read.answers.count > 150)
                    ids.insert(read.id)
                }
                #expect(ids == Set(0..<count))
            }
        }
    }

    @Test func `what is no query is not answered, and the next one is`() throws {
        try serve(try world()) { port, _ in
            let client = try SocketClient(port: port, isStream: false)
            client.send([1, 2, 3])
            client.send([UInt8](repeating: 0xFF, count: 5_000))
            client.send(TestQuery("web.service.a8", RecordType.a).bytes)
            #expect(try ReadAnswer(try client.receive("an answer")).answers.count == 3)
        }
    }

    @Test func `a connection is answered in order, however its bytes come`() throws {
        try serve(try world(500)) { port, _ in
            let client = try SocketClient(port: port, isStream: true)
            var bytes: [UInt8] = []
            for id in 0..<200 {
                var query = TestQuery(id % 2 == 0 ? "web.service.a8" : "no.service.a8", RecordType.srv)
                query.id = id
                bytes += framed(query.bytes)
            }
            // Cut within lengths, and within messages.
            for piece in stride(from: 0, to: bytes.count, by: 1_001) {
                client.send(Array(bytes[piece..<min(bytes.count, piece + 1_001)]))
            }
            for id in 0..<200 {
                let read = try answer(client)
                #expect(read.id == id && read.code == (id % 2 == 0 ? 0 : 3))
                #expect(read.answers.count == (id % 2 == 0 ? 500 : 0))
            }
        }
    }

    @Test func `connections count for those of the process, and are given back`() throws {
        // N133 Connections count for MAX_CONNECTIONS and MAX_CONNECTIONS_PER_CLIENT, and over them are closed. One
        // without a whole query for 30 s is closed, also when a part of one has come; one that goes on asking and does
        // not read is closed once 256 KiB of its queries wait.
        let world = try world()
        try serve(connections: 2, world) { port, limits in
            let query = framed(TestQuery("web.service.a8", RecordType.a).bytes)
            do {
                let clients = try (0..<2).map { _ in try SocketClient(port: port, isStream: true) }
                for client in clients {
                    client.send(query)
                    #expect(try answer(client).answers.count == 3)
                }
                let third = try SocketClient(port: port, isStream: true)
                #expect(try third.receive("the end of the third").isEmpty)
                #expect(limits.tally()[LimitEvent.connections.rawValue].count == 1)
            }
            try wait("two ends") { world.counts.figures.connections == 0 }
            let next = try SocketClient(port: port, isStream: true)
            next.send(query)
            #expect(try answer(next).answers.count == 3)
        }
    }

    @Test func `who asks without reading is closed, and what is kept for it is bounded`() throws {
        let world = try world(500)
        try serve(world) { port, limits in
            let client = try SocketClient(port: port, isStream: true)
            var query: [UInt8] = []
            for _ in 0..<100 { query += framed(TestQuery("web.service.a8", RecordType.srv).bytes) }
            // Some 26 kB of answers to each query of 40 bytes.
            _ = fcntl(client.descriptor, F_SETFL, O_NONBLOCK)
            try wait("the end of one that does not read") {
                client.send(query)
                return limits.tally()[LimitEvent.answer.rawValue].count > 0
            }
            let other = try SocketClient(port: port, isStream: true)
            other.send(framed(TestQuery("web.service.a8", RecordType.a).bytes))
            #expect(try answer(other).answers.count == 500)
        }
    }

    @Test func `what begins with no query ends the connection, and a half of one waits`() throws {
        let world = try world()
        try serve(world) { port, _ in
            let wrong = try SocketClient(port: port, isStream: true)
            wrong.send([0, 3, 1, 2, 3])
            #expect(try wrong.receive("the end").isEmpty)
            let half = try SocketClient(port: port, isStream: true)
            half.send([0xFF, 0xFF])
            try wait("a connection") { world.counts.figures.connections == 1 }
            let other = try SocketClient(port: port, isStream: true)
            other.send(framed(TestQuery("web.service.a8", RecordType.a).bytes))
            #expect(try answer(other).answers.count == 3)
        }
    }

    @Test func `a connection without a whole query for 30 seconds is closed, and one that asks is not`() throws {
        // N133 … One without a whole query for 30 s is closed, also when a part of one has come …
        let (world, clock) = (try world(), TestClock())
        try serve(sweepPeriod: 5, clock: clock, world) { port, limits in
            let clients = try (0..<4).map { _ in try SocketClient(port: port, isStream: true) }
            let (idle, length, part, asking) = (clients[0], clients[1], clients[2], clients[3])
            let query = framed(TestQuery("web.service.a8", RecordType.a).bytes)
            length.send([0xFF, 0xFF])
            part.send(Array(query.dropLast()))
            try wait("four connections") { world.counts.figures.connections == 4 }
            clock.set(seconds: 29)
            asking.send(query)
            #expect(try answer(asking).answers.count == 3)
            length.send([0])
            #expect(!idle.hasNews && !length.hasNews && !part.hasNews)
            clock.set(seconds: 30)
            for client in [idle, length, part] { #expect(try client.receive("the end").isEmpty) }
            // It has asked a second ago.
            asking.send(query)
            #expect(try answer(asking).answers.count == 3)
            #expect(limits.tally()[LimitEvent.idle.rawValue].count == 3)
            // The loop is past that once it answers somebody else.
            let other = try SocketClient(port: port, isStream: false)
            other.send(TestQuery("web.service.a8", RecordType.a).bytes)
            _ = try other.receive("an answer by UDP")
            clock.set(seconds: 60)
            #expect(try asking.receive("the end of one that asks no more").isEmpty)
            try wait("the last end") { world.counts.figures.connections == 0 }
        }
    }
}
