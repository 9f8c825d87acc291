// What is said on a new connection, and which servers are of no use, each with its sentence.

import RESP
import RedisStore
import Testing

struct GreetingTests {
    static let library = FunctionLibrary(version: 3, code: "#!lua name=a8")
    static let store = Introduction(.store(library, isCluster: false), name: "a8-1")

    /// INFO as Redis 7.0 writes it, with some lines changed.
    static func info(_ changes: [String: String] = [:]) -> RESPValue {
        var lines = [
            "redis_version": "7.0.15", "redis_mode": "standalone", "run_id": "7aa1e6cd", "loading": "0",
            "maxmemory": "0", "maxmemory_policy": "noeviction", "aof_enabled": "1", "role": "master",
            "connected_slaves": "2",
        ]
        lines.merge(changes) { $1 }
        let text = "# Server\r\n" + lines.map { "\($0):\($1)\r\n" }.joined() + "\r\n# Keyspace\r\n"
        return .bytes(Array(text.utf8))
    }

    static func fault(_ text: String) -> RESPValue { .error(RESPFault(text)) }

    /// The last step, and what was asked in between.
    static func talk(_ introduction: Introduction = store, _ replies: RESPValue...) -> (
        step: Greeting.Step, asked: [RESPCommand]
    ) {
        var greeting = Greeting(introduction)
        var asked = greeting.begin()
        var last = Greeting.Step.wait
        for reply in replies {
            last = greeting.take(reply)
            if case .ask(let command) = last { asked.append(command) }
        }
        return (last, asked)
    }

    static func refusal(_ step: Greeting.Step) -> GreetingRefusal? {
        if case .refused(let refusal) = step { refusal } else { nil }
    }

    @Test func `a server with our functions is ready after one exchange`() {
        let (step, asked) = Self.talk(Self.store, .status("OK"), Self.info(), .integer(3))
        guard case .ready(let facts) = step else {
            Issue.record("\(step)")
            return
        }
        #expect(
            asked == [
                RESPCommand("CLIENT", "SETNAME", "a8-1"), RESPCommand("INFO"), RESPCommand("FCALL", "a8_version", "0"),
            ])
        #expect(facts.runID == "7aa1e6cd" && facts.version == ServerVersion(major: 7, minor: 0))
        #expect(facts.isMaster && facts.isAppending && facts.replicas == 2 && facts.functionsVersion == 3)
        #expect(facts.mode == .standalone && facts.engine == "redis")
    }

    @Test func `password, user and database come first`() {
        var introduction = Self.store
        introduction.password = "p q"
        #expect(Self.talk(introduction).asked.first == RESPCommand("AUTH", "p q"))
        introduction.user = "u"
        introduction.database = 5
        let (_, asked) = Self.talk(introduction)
        #expect(Array(asked.prefix(2)) == [RESPCommand("AUTH", "u", "p q"), RESPCommand("SELECT", "5")])
    }

    @Test(arguments: [fault("ERR Function not found"), .integer(2)])
    func `functions are loaded where there are none, or older ones`(held: RESPValue) {
        let (step, asked) = Self.talk(Self.store, .status("OK"), Self.info(), held, .bytes(Array("a8".utf8)))
        #expect(asked.last == RESPCommand("FUNCTION", "LOAD", "REPLACE", "#!lua name=a8"))
        guard case .ready(let facts) = step else {
            Issue.record("\(step)")
            return
        }
        #expect(facts.functionsVersion == 3)
    }

    @Test func `newer functions are left as they are`() {
        let (step, asked) = Self.talk(Self.store, .status("OK"), Self.info(), .integer(4))
        guard case .ready(let facts) = step else {
            Issue.record("\(step)")
            return
        }
        #expect(facts.functionsVersion == 4 && asked.count == 3)
    }

    @Test func `Valkey is Redis with other names for some things`() {
        let valkey = Array(
            "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\nserver_mode:cluster\r\nrun_id:x\r\n"
                .utf8)
        let facts = ServerFacts(valkey)
        #expect(facts?.engine == "valkey" && facts?.mode == .cluster && facts?.isMaster == false)
        #expect(facts?.release == "9.1.2" && facts?.version == ServerVersion(major: 7, minor: 2))
    }

    @Test(arguments: [
        (["redis_version": "6.2.7"], "version 6.2, which has no functions: 7.0 or later is needed", true),
        (["maxmemory_policy": "allkeys-lru"], "maxmemory-policy is allkeys-lru", true),
        (["redis_mode": "sentinel"], "STORE_SENTINEL", true), (["redis_mode": "cluster"], "set STORE_CLUSTER", true),
        (["loading": "1"], "still reads its data", false), (["role": "slave"], "is a replica", false),
    ])
    func `a server that is of no use is refused in a sentence`(
        changes: [String: String], words: String, isLasting: Bool
    ) {
        let refusal = Self.refusal(Self.talk(Self.store, .status("OK"), Self.info(changes)).step)
        #expect(refusal?.sentence.contains(words) == true, "\(String(describing: refusal))")
        #expect(refusal?.isLasting == isLasting)
    }

    @Test(arguments: ["noeviction", "volatile-lru", "volatile-ttl"])
    func `a policy that throws away only what has a time to live leaves the instances alone`(policy: String) {
        let (step, _) = Self.talk(Self.store, .status("OK"), Self.info(["maxmemory_policy": policy]))
        #expect(step == .wait)
    }

    @Test func `a node of a cluster, and of nothing else, is taken for one`() {
        let cluster = Introduction(.store(Self.library, isCluster: true), name: "a8")
        #expect(Self.talk(cluster, .status("OK"), Self.info(["redis_mode": "cluster"])).step == .wait)
        let refusal = Self.refusal(Self.talk(cluster, .status("OK"), Self.info()).step)
        #expect(refusal?.isLasting == true && refusal?.sentence.contains("STORE_CLUSTER") == true)
    }

    @Test func `a Sentinel is greeted without functions, and nothing else is taken for one`() {
        let sentinel = Introduction(.sentinel, name: "a8")
        let (step, asked) = Self.talk(sentinel, .status("OK"), Self.info(["redis_mode": "sentinel"]))
        #expect(asked.count == 2)
        guard case .ready(let facts) = step else {
            Issue.record("\(step)")
            return
        }
        #expect(facts.mode == .sentinel)
        #expect(Self.refusal(Self.talk(sentinel, .status("OK"), Self.info()).step)?.isLasting == true)
    }

    @Test(arguments: [
        ("NOAUTH Authentication required.", "set STORE_PASSWORD", true),
        ("NOPERM this user has no permissions to run the 'info' command", "allows its user too little", true),
        ("DENIED Redis is running in protected mode", "lets in nobody", true),
        ("LOADING Redis is loading the dataset in memory", "still reads its data", false),
        ("ERR max number of clients reached", "max number of clients", false),
        ("BUSY Redis is busy running a script.", "BUSY", false),
        ("ERR unknown command", "unknown command", true),
    ])
    func `an error says whether waiting helps`(error: String, words: String, isLasting: Bool) {
        let refusal = Self.refusal(Self.talk(Self.store, .status("OK"), Self.fault(error)).step)
        #expect(refusal?.sentence.contains(words) == true, "\(String(describing: refusal))")
        #expect(refusal?.isLasting == isLasting)
    }

    @Test func `a wrong password is named with its settings`() {
        var introduction = Self.store
        introduction.password = "wrong"
        let step = Self.talk(introduction, Self.fault("WRONGPASS invalid username-password pair")).step
        let refusal = Self.refusal(step)
        #expect(refusal?.isLasting == true && refusal?.sentence.contains("STORE_PASSWORD") == true)
        #expect(refusal?.sentence.contains("wrong") == false, "the password itself is not told")
    }

    @Test(arguments: [
        ("OOM command not allowed when used memory > 'maxmemory'.", false), ("NOPERM no", true),
        ("ERR Error compiling function", true),
    ])
    func `functions that cannot be loaded are a refusal`(error: String, isLasting: Bool) {
        let step = Self.talk(
            Self.store, .status("OK"), Self.info(), Self.fault("ERR Function not found"), Self.fault(error)
        ).step
        #expect(Self.refusal(step)?.isLasting == isLasting)
    }

    @Test func `a connection without a name is as good`() {
        let (step, _) = Self.talk(Self.store, Self.fault("NOPERM no client"), Self.info(), .integer(3))
        if case .ready = step {} else { Issue.record("\(step)") }
    }

    @Test(arguments: [RESPValue.status("OK"), .bytes(Array("<html>".utf8)), .integer(1), .nothing])
    func `what is no Redis is refused`(reply: RESPValue) {
        #expect(Self.refusal(Self.talk(Self.store, .status("OK"), reply).step)?.isLasting == true)
    }

    @Test func `what nobody has asked for is refused`() {
        #expect(Self.refusal(Self.talk(Self.store, .status("OK"), Self.info(), .integer(3), .integer(1)).step) != nil)
    }
}
