// What is read of the answers of a Sentinel, those of real ones above all.

import RESP
import RedisStore
import Testing

struct SentinelWordTests {
    @Test(arguments: Engine.allCases)
    func `a real Sentinel names the master, the epoch and the two others`(engine: Engine) throws {
        let word = try SentinelWord(engine.replies("sentinel-calm"))
        #expect(word.node.host == "127.0.0.1")
        #expect(word.node.port > 0)
        #expect(word.epoch == 0)
        #expect(!word.isBeingReplaced)
        #expect(word.others.count == 2)
        #expect(Set(word.others).count == 2)
    }

    @Test(arguments: Engine.allCases)
    func `a group that the Sentinel does not watch is a problem of its own`(engine: Engine) throws {
        let replies = try engine.replies("sentinel-of-another-group")
        #expect(throws: SentinelWord.Problem.unknownGroup) { try SentinelWord(replies) }
    }

    @Test func `a failover is under way for the old master, and over for the new one`() throws {
        let flags = "s_down,o_down,master,disconnected,failover_in_progress"
        let before = try SentinelWord(replies(node("old"), epoch: "4", flags: flags))
        #expect(before.isBeingReplaced)
        // The leader names the promoted replica while the rest of its answer is of the old master still.
        let after = try SentinelWord(replies(node("new"), configured: node("old"), epoch: "5", flags: flags))
        #expect(!after.isBeingReplaced)
        #expect(after.node == node("new") && after.epoch == 5)
    }

    @Test func `a refusal is told as it was said`() {
        let fault = RESPFault("NOAUTH Authentication required.")
        let refused = Array(repeating: RESPValue.error(fault), count: 3)
        #expect(throws: SentinelWord.Problem.fault(fault)) { try SentinelWord(refused) }
    }

    @Test func `answers of another shape are no word`() {
        let good = replies(node("a"))
        let wrong: [[RESPValue]] = [
            [], Array(good.dropLast()), [.integer(1), good[1], good[2]], [.array([]), good[1], good[2]],
            [.array([bulk(""), bulk("1")]), good[1], good[2]], [.array([bulk("a"), bulk("0")]), good[1], good[2]],
            [.array([bulk("a"), bulk("65536")]), good[1], good[2]], [good[0], .array([]), good[2]],
            [good[0], .array([bulk("config-epoch")]), good[2]],
            [good[0], .array([bulk("config-epoch"), bulk("-1")]), good[2]], [good[0], good[1], .status("OK")],
            [.array([.bytes([0xFF]), bulk("1")]), good[1], good[2]],
        ]
        for replies in wrong {
            #expect(throws: SentinelWord.Problem.malformed, "\(replies)") { try SentinelWord(replies) }
        }
    }

    @Test func `others without an address are left out`() throws {
        var answers = replies(node("a"), others: [node("s1")])
        answers[2] = .array([.integer(3), .array([bulk("ip")]), .array([bulk("ip"), bulk("x")])])
        #expect(try SentinelWord(answers).others.isEmpty)
    }
}
