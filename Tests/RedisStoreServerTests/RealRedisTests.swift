// Connections to the real servers: what they say on a new connection, over TLS, and when they stop or die.

import Foundation
import Glibc
import RESP
import RedisStore
import RedisStoreServer
import TLS
import TestSupport
import Testing

struct RealRedisTests {
    /// What a command comes to, on a connection of its own.
    private func reply(
        of server: RedisServer, to words: String..., as introduction: Introduction = RedisBench.introduction
    ) throws -> RESPValue? {
        let bench = try RedisBench()
        bench.react = { connection, event, _ in
            guard case .ready = event, let name = words.first else { return }
            var command = RESPCommand(name)
            for word in words.dropFirst() { command.append(text: word) }
            #expect(connection.send(command, tag: 1))
        }
        try bench.run(server.node, as: introduction) { !bench.replies.isEmpty || bench.end != nil }
        if let end = bench.end { Issue.record("\(end)") }
        return bench.replies.first?.value
    }

    private func end(of server: RedisServer, _ introduction: Introduction = RedisBench.introduction) throws
        -> RedisEnd<Int>?
    {
        let bench = try RedisBench()
        try bench.run(server.node, as: introduction) { bench.facts != nil || bench.end != nil }
        return bench.end
    }

    @Test(arguments: Engine.installed)
    func `a server is greeted and gets the functions, once`(engine: Engine) throws {
        let server = try RedisServer(engine)
        let bench = try RedisBench()
        try bench.run(server.node) { bench.facts != nil || bench.end != nil }
        let facts = try #require(bench.facts, "\(String(describing: bench.end))")
        #expect(facts.engine == engine.name && facts.isMaster && facts.functionsVersion == 1 && facts.runID.count == 40)
        #expect(facts.mode == .standalone && !facts.isAppending && facts.evictionPolicy == "noeviction")
        let loads = try reply(of: server, to: "INFO", "commandstats")
        guard case .bytes(let bytes) = loads else {
            Issue.record("\(String(describing: loads))")
            return
        }
        #expect(String(decoding: bytes, as: UTF8.self).contains("cmdstat_function|load:calls=1,"))
    }

    @Test(arguments: Engine.installed)
    func `older functions are replaced, and newer ones are not`(engine: Engine) throws {
        let server = try RedisServer(engine)
        func introduction(_ version: Int64) -> Introduction {
            let code = RedisBench.library.code.replacing("return 1", with: "return \(version)")
            return Introduction(.store(FunctionLibrary(version: version, code: code), isCluster: false), name: "a8")
        }
        for (ours, held) in [(2, 2), (5, 5), (4, 5)] as [(Int64, Int64)] {
            let value = try reply(of: server, to: "FCALL", "a8_version", "0", as: introduction(ours))
            #expect(value == .integer(held))
        }
    }

    @Test(arguments: Engine.installed)
    func `user, password and database are those that were set`(engine: Engine) throws {
        let server = try RedisServer(
            engine,
            [
                "--requirepass", "se cret", "--user", "ann", "on", ">ann's", "+@all", "~*", "--user", "few", "on",
                ">few", "+info",
            ])
        var introduction = RedisBench.introduction
        #expect(try end(of: server)?.sentence.contains("set STORE_PASSWORD") == true)
        introduction.password = "wrong"
        let refusal = try end(of: server, introduction)
        #expect(refusal?.isRefusal == true && refusal?.sentence.contains("check STORE_USER") == true)
        introduction.password = "se cret"
        introduction.database = 3
        #expect(try reply(of: server, to: "SET", "a", "1", as: introduction) == .status("OK"))
        introduction.user = "ann"
        introduction.password = "ann's"
        #expect(try reply(of: server, to: "GET", "a", as: introduction) == .bytes([0x31]))
        introduction.database = 0
        #expect(try reply(of: server, to: "GET", "a", as: introduction) == .nothing)
        introduction.database = 99
        #expect(try end(of: server, introduction)?.sentence.contains("out of range") == true)
        introduction.database = 0
        (introduction.user, introduction.password) = ("few", "few")
        let forbidden = try end(of: server, introduction)
        #expect(
            forbidden?.isRefusal == true && forbidden?.sentence.contains("allows its user too little") == true,
            "\(String(describing: forbidden))")
    }

    @Test(arguments: Engine.installed)
    func `servers that are of no use are refused`(engine: Engine) throws {
        let evicting = try RedisServer(engine, ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu"])
        #expect(try end(of: evicting)?.isRefusal == true)
        let node = try RedisServer(engine, ["--cluster-enabled", "yes"])
        #expect(try end(of: node)?.sentence.contains("STORE_CLUSTER") == true)
        let master = try RedisServer(engine)
        let replica = try RedisServer(engine, ["--replicaof", "127.0.0.1 \(master.node.port)"])
        let notUsed = try end(of: replica)
        #expect(notUsed?.isRefusal == false, "\(String(describing: notUsed))")
    }

    @Test(arguments: Engine.installed)
    func `ten thousand commands are answered in their order, and a long reply comes whole`(engine: Engine) throws {
        let server = try RedisServer(engine)
        let bench = try RedisBench()
        let count = 10_000
        let long = [UInt8](repeating: 7, count: 9_000_000)
        var next = 0
        bench.react = { connection, event, _ in
            switch event {
            case .ready:
                for tag in 0..<count { #expect(connection.send(RESPCommand("ECHO", String(tag)), tag: tag)) }
                var command = RESPCommand("ECHO")
                command.append(long)
                #expect(connection.send(command, tag: count))
            case .reply(let tag, let value):
                let isRight = tag == next && value == .bytes(tag == count ? long : Array(String(tag).utf8))
                #expect(isRight, "reply \(next)")
                next += 1
            case .message, .closed: break
            }
        }
        try bench.run(server.node) { next > count || bench.end != nil }
        #expect(next == count + 1 && bench.end == nil)
    }

    @Test(arguments: Engine.installed)
    func `a server that stops is given up in time, and one that dies at once`(engine: Engine) throws {
        let server = try RedisServer(engine)
        let bench = try RedisBench()
        bench.react = { connection, event, _ in
            guard case .ready = event else { return }
            server.send(SIGSTOP)
            #expect(connection.send(RESPCommand("SET", "a", "1"), tag: 1, deadline: .milliseconds(200)))
        }
        try bench.run(server.node) { bench.end != nil }
        #expect(bench.end?.sentence == "the Redis server has not replied in time")
        #expect(bench.end?.lost.map(\.loss) == [.unknown])
        server.send(SIGCONT)
        let other = try RedisBench()
        other.react = { _, event, _ in if case .ready = event { server.end() } }
        try other.run(server.node) { other.end != nil }
        #expect(other.end?.isRefusal == false && other.end?.sentence.contains("in time") == false)
    }

    @Test(arguments: Engine.installed)
    func `what is published on a channel is told`(engine: Engine) throws {
        let server = try RedisServer(engine)
        let bench = try RedisBench()
        var message: [UInt8]?
        bench.react = { [unowned bench] connection, event, onLoop in
            switch event {
            case .ready where connection === bench.opened.first:
                #expect(connection.subscribe(to: "+switch-master"))
                #expect(!connection.send(RESPCommand("GET", "a"), tag: 2), "a subscriber asks nothing else")
                bench.connect(server.node, onLoop)
            case .ready:
                #expect(connection.send(RESPCommand("PUBLISH", "+switch-master", "a b"), tag: 1))
            case .message(let channel, let bytes):
                #expect(channel == Array("+switch-master".utf8))
                message = bytes
            case .reply, .closed: break
            }
        }
        try bench.run(server.node) { message != nil || bench.end != nil }
        #expect(message == Array("a b".utf8) && bench.end == nil, "\(bench.told)")
    }
}
