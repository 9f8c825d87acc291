// What members send to the functions in Redis, word by word: functions.lua reads these arguments by their places, and the
// tests in Tests/Long/redis hold it to the same order.

import RESP
import Testing
import Time

@testable import Catalog
@testable import RedisStore

struct StoreFunctionsTests {
    private let functions = StoreFunctions(prefix: "a8", member: MemberID(bits: 0x2A))
    private let shard = StoreShard(number: 7)
    private let epoch = StoreEpoch("00000000000000aa.3")
    private let version = Version(time: HybridTime(bits: 0x0102_0304_0506_0708), origin: MemberID(bits: 0x11))
    private static let versionBytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0x11]

    private func texts(_ command: RESPCommand) -> [String] {
        command.words.map { String(decoding: $0, as: UTF8.self) }
    }

    private func instance(ttl: Int64) throws -> Instance {
        let id = try #require(InstanceID(Array("id-1".utf8)[...]))
        return Instance(
            id: id, serviceName: Name("s"), endpoint: Endpoint(kind: .tcp, value: "10.0.0.1:1"), status: .up, ttl: ttl,
            tags: [], metadata: nil, registered: 0)
    }

    // D521, D522
    @Test func `opening says schema, what was followed, and the server's run`() {
        #expect(
            texts(functions.open(shard, wanted: "00000000000000aa.3", run: "r1"))
                == ["FCALL", "a8_open", "1", "{a8.7}:m", "1", "00000000000000aa.3", "r1"])
    }

    // D524
    @Test func `an instance is written with its lease and the age of its heartbeat`() throws {
        var command = functions.put(shard, try #require(epoch))
        let instance = try instance(ttl: 30_000)
        let state = Replicated(
            namespace: Namespace("tenant"), replica: .present(instance, version, Heartbeat(age: 250, wall: 0)))
        StoreFunctions.append(state, capacity: 5, changed: 1_795_392_343_414, to: &command)
        let words = command.words
        #expect(
            texts(command).prefix(9) == [
                "FCALL", "a8_put", "1", "{a8.7}:m", "00000000000000aa.3", "000000000000002a", "i", "tenant", "id-1",
            ])
        #expect(words[9] == Self.versionBytes)
        #expect(texts(command)[10...12] == [String(instance.leaseTime), "250", "5"])
        var bytes: [UInt8] = []
        StateCodec.append(state, to: &bytes)
        #expect(words[13] == bytes)
        #expect(words[14].isEmpty && words.count == 16)
        #expect(texts(command)[15] == "1795392343414")
        // What no clock shows is not compared.
        for changed in [-1, 1_000_000_000_000_000] as [Int64] {
            StoreFunctions.append(state, capacity: 5, changed: changed, to: &command)
            #expect(command.words.last?.isEmpty == true)
        }
    }

    // D524
    @Test func `a tombstone is written with its age, and without a lease`() throws {
        var command = functions.put(shard, try #require(epoch))
        let id = try instance(ttl: 1).id
        StoreFunctions.append(
            Replicated(namespace: Namespace("tenant"), replica: .absent(id, version, age: 700)), capacity: nil,
            to: &command)
        let texts = texts(command)
        #expect(texts[6...8] == ["t", "tenant", "id-1"])
        #expect(texts[10...12] == ["", "700", ""])
        #expect(command.count == 16)
    }

    // D527
    @Test func `a renewal says how long its lease lasts from now, which may be no time at all`() throws {
        let id = try instance(ttl: 1).id
        func renewal(_ age: Int64, _ lease: Int64) -> Renewal {
            Renewal(
                namespace: Namespace("tenant"), id: id, version: version, heartbeat: Heartbeat(age: age, wall: 0),
                lease: lease)
        }
        let command = functions.renew(
            shard, try #require(epoch), [renewal(100, 5_000), renewal(7_000, 5_000), renewal(100, Instance.endless)])
        #expect(
            texts(command).dropFirst(5) == [
                "000000000000002a", "3", "tenant", "id-1", "4900", "tenant", "id-1", "-2000", "tenant", "id-1", "inf",
            ])
    }

    // D529, D551
    @Test(arguments: [(ExpiryBudget.off, ""), (ExpiryBudget(share: 20, longest: 600_000), "20:600000")])
    func `a tick says how long to hold, how many may go, and by which budget`(budget: ExpiryBudget, text: String) throws
    {
        let command = functions.tick(
            shard, try #require(epoch), about: "{}", grace: .seconds(30), atMost: 500, by: budget)
        #expect(
            texts(command) == [
                "FCALL", "a8_tick", "1", "{a8.7}:m", "00000000000000aa.3", "000000000000002a", "{}", "30000", "500",
                text,
            ])
    }

    // D512
    @Test func `a read names every stream after the last event of each`() {
        let command = functions.read([(shard, 5), (StoreShard(number: 9), 0)], atMost: 10, waiting: .milliseconds(200))
        #expect(
            texts(command) == [
                "XREAD", "COUNT", "10", "BLOCK", "200", "STREAMS", "{a8.7}:e", "{a8.9}:e", "5-0", "0-0",
            ])
    }
}
