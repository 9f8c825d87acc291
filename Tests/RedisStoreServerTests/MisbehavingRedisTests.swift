// What a connection makes of servers that are broken, slow, silent or not what they should be.

import Libevent
import RESP
import RedisStore
import RedisStoreServer
import Synchronization
import TestSupport
import Testing
import Time

struct MisbehavingRedisTests {
    /// Sends GET with the tags once it is ready.
    private func asking(_ bench: RedisBench, _ tags: Int...) {
        bench.react = { connection, event, _ in
            guard case .ready = event else { return }
            for tag in tags { #expect(connection.send(RESPCommand("GET", String(tag)), tag: tag)) }
        }
    }

    @Test func `replies that come byte by byte are read`() throws {
        let reply = Array("*2\r\n$5\r\na\r\nbc\r\n*-1\r\n".utf8)
        let fake = try FakeRedis { command in
            if case .bytes(let bytes) = command[0] == "GET" ? .bytes(reply) : FakeRedis.healthy(command) {
                .singly(bytes)
            } else {
                nil
            }
        }
        let bench = try RedisBench()
        asking(bench, 7)
        try bench.run(fake.node) { !bench.replies.isEmpty || bench.end != nil }
        #expect(bench.replies.map(\.tag) == [7])
        #expect(bench.replies.first?.value == .array([.bytes(Array("a\r\nbc".utf8)), .nothing]))
    }

    @Test func `a reset in the middle of a reply ends it, and what was asked is unknown`() throws {
        let fake = try FakeRedis { $0[0] == "GET" ? .reset(after: Array("$100\r\nabc".utf8)) : nil }
        let bench = try RedisBench()
        asking(bench, 1, 2)
        try bench.run(fake.node) { bench.end != nil }
        #expect(bench.replies.isEmpty)
        #expect(bench.end?.lost.map(\.tag) == [1, 2] && bench.end?.lost.allSatisfy { $0.loss == .unknown } == true)
        #expect(bench.end?.isRefusal == false)
    }

    @Test(arguments: [
        ("$2147483648\r\n", "longer string"), (String(repeating: "*1\r\n", count: 100), "arrays within one another"),
        ("*2000000\r\n", "more elements"), ("HTTP/1.1 400 Bad Request\r\n\r\n", "breaks the protocol"),
    ])
    func `what is beyond the bounds, or no reply, ends it in a sentence`(text: String, words: String) throws {
        let fake = try FakeRedis { $0[0] == "GET" ? .text(text) : nil }
        let bench = try RedisBench()
        asking(bench, 1)
        try bench.run(fake.node) { bench.end != nil }
        #expect(bench.end?.sentence.contains(words) == true, "\(String(describing: bench.end))")
    }

    @Test func `a reply that is late ends it, and is nobody's`() throws {
        let fake = try FakeRedis { ["GET", "SET"].contains($0[0]) ? .silence : nil }
        let bench = try RedisBench()
        bench.react = { connection, event, _ in
            guard case .ready = event else { return }
            #expect(connection.send(RESPCommand("GET", "a"), tag: 1, deadline: .milliseconds(100), changes: false))
            #expect(connection.send(RESPCommand("SET", "a"), tag: 2))
        }
        try bench.run(fake.node) { bench.end != nil }
        #expect(bench.end?.sentence == "the Redis server has not replied in time")
        #expect(bench.end?.lost.map(\.loss) == [.notDone, .unknown], "a look changes nothing")
        #expect(bench.replies.isEmpty && bench.opened.first?.isReady == false)
    }

    @Test func `a server that says nothing at all is given up in time`() throws {
        let fake = try FakeRedis { _ in .silence }
        let bench = try RedisBench()
        try bench.run(fake.node, timeout: .milliseconds(200)) { bench.end != nil }
        #expect(bench.end?.sentence == "the Redis server has not replied in time" && bench.facts == nil)
    }

    @Test func `a server that has gone silent is found by a ping`() throws {
        let pings = Mutex(0)
        let fake = try FakeRedis { command in
            guard command[0] == "PING" else { return nil }
            return pings.withLock { count in
                count += 1
                return count < 2 ? nil : .silence
            }
        }
        let bench = try RedisBench()
        try bench.run(fake.node, timeout: .milliseconds(200)) { bench.end != nil }
        #expect(bench.facts != nil && bench.end?.sentence == "the Redis server has not replied in time")
        #expect(pings.withLock { $0 } == 2)
    }

    @Test func `a reply that nobody has asked for ends it`() throws {
        let fake = try FakeRedis { $0[0] == "GET" ? .text("+one\r\n+two\r\n") : nil }
        let bench = try RedisBench()
        asking(bench, 1)
        try bench.run(fake.node) { bench.end != nil }
        #expect(bench.replies.map(\.value) == [.status("one")])
        #expect(bench.end?.sentence == "the Redis server says something that nobody has asked for")
    }

    @Test(arguments: [
        ("NOAUTH Authentication required.", "set STORE_PASSWORD", true),
        ("LOADING Redis is loading the dataset in memory", "still reads its data", false),
        ("ERR max number of clients reached", "max number of clients", false),
        ("DENIED Redis is running in protected mode", "lets in nobody", true),
    ])
    func `a server that refuses the greeting is told with its sentence`(
        error: String, words: String, isRefusal: Bool
    ) throws {
        let fake = try FakeRedis { _ in .text("-\(error)\r\n") }
        let bench = try RedisBench()
        try bench.run(fake.node) { bench.end != nil }
        #expect(bench.end?.sentence.contains(words) == true, "\(String(describing: bench.end))")
        #expect(bench.end?.isRefusal == isRefusal && bench.facts == nil)
    }

    @Test func `a replica is not used, and one that has become a replica says so itself`() throws {
        let replica = try FakeRedis { $0[0] == "INFO" ? FakeRedis.info(role: "slave") : nil }
        let bench = try RedisBench()
        try bench.run(replica.node) { bench.end != nil }
        #expect(bench.end?.sentence.contains("is a replica") == true && bench.end?.isRefusal == false)

        let demoted = try FakeRedis {
            $0[0] == "GET" ? .text("-READONLY You can't write against a read only replica.\r\n") : nil
        }
        let other = try RedisBench()
        asking(other, 1)
        try other.run(demoted.node) { !other.replies.isEmpty }
        guard case .error(let fault) = other.replies.first?.value else {
            Issue.record("\(other.told)")
            return
        }
        #expect(fault.kind == .readOnly && other.end == nil)
    }

    @Test func `a port where nobody listens is told, in a later turn`() throws {
        let port = try LoopbackPort()
        shutDown(port)
        let bench = try RedisBench()
        var toldAtOnce = true
        try bench.run({ onLoop in
            bench.connect(StoreNode(host: "127.0.0.1", port: port.port), onLoop)
            toldAtOnce = !bench.told.isEmpty
        }) { bench.end != nil }
        #expect(!toldAtOnce && bench.end?.sentence == "Connection refused" && bench.end?.isRefusal == false)
    }

    @Test func `a name is looked up, and each of its addresses is tried`() throws {
        let fake = try FakeRedis { _ in nil }
        let bench = try RedisBench()
        try bench.run(StoreNode(host: "localhost", port: fake.node.port)) { bench.facts != nil || bench.end != nil }
        #expect(bench.facts != nil, "\(String(describing: bench.end))")
    }

    @Test func `a name that does not exist is told`() throws {
        let bench = try RedisBench()
        try bench.run(StoreNode(host: "no.such.host.invalid", port: 6_379)) { bench.end != nil }
        #expect(bench.end?.sentence.contains("no.such.host.invalid") == true)
    }

    @Test func `what its owner closes tells nothing more, and gives back what was asked`() throws {
        let fake = try FakeRedis { $0[0] == "GET" ? .silence : nil }
        let bench = try RedisBench()
        var lost: [Int] = []
        bench.react = { connection, event, onLoop in
            guard case .ready = event else { return }
            #expect(connection.send(RESPCommand("GET", "a"), tag: 4))
            lost = connection.close(onLoop).map(\.tag)
            #expect(connection.close(onLoop).isEmpty)
            #expect(!connection.send(RESPCommand("GET", "a"), tag: 5))
        }
        try bench.run(fake.node, timeout: .milliseconds(100)) { bench.facts != nil }
        #expect(lost == [4])
        // Another connection comes and goes in the meantime.
        bench.react = { _, _, _ in }
        let count = bench.told.count
        try bench.run(fake.node, timeout: .milliseconds(100)) { bench.told.count > count }
        #expect(bench.told[count...].allSatisfy { $0.connection == 1 } && bench.end == nil)
    }

    @Test func `more than the bound is not taken`() throws {
        let fake = try FakeRedis { $0[0] == "GET" ? .silence : nil }
        let bench = try RedisBench()
        let most = CommandLimits().commands
        var taken = 0
        bench.react = { connection, event, onLoop in
            guard case .ready = event else { return }
            while taken <= most, connection.send(RESPCommand("GET", "a"), tag: taken) { taken += 1 }
            #expect(connection.unanswered.commands == taken)
            connection.close(onLoop)
        }
        try bench.run(fake.node) { bench.facts != nil }
        #expect(taken == most)
    }
}
