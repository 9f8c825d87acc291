// What real engines have answered, as Tests/Long/redis/record_replies.py has kept it.

import Foundation
import RESP
import RedisStore
import Testing
import Time

enum Engine: String, CaseIterable, Sendable {
    case redis
    case valkey

    /// The replies of a file, in their order.
    func replies(_ name: String) throws -> [RESPValue] {
        let reader = try RESPReader()
        reader.feed([UInt8](try Data(contentsOf: file(name))))
        var replies: [RESPValue] = []
        while let reply = try reader.next() { replies.append(reply) }
        return replies
    }

    /// The errors among them.
    func faults(_ name: String) throws -> [RESPFault] {
        try replies(name).compactMap { if case .error(let fault) = $0 { fault } else { nil } }
    }

    /// What each Sentinel said, and from when on, of a master that was killed at 0.
    func failover() throws -> [Telling] {
        try String(contentsOf: file("failover"), encoding: .utf8).split(separator: "\n").map { line in
            let words = line.split(separator: " ").map(String.init)
            return Telling(
                at: .zero + .milliseconds(try #require(Int64(words[0]))), sentinel: node(words[1]),
                word: words.dropFirst(2).map { $0 })
        }
    }

    private func file(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Recorded/\(rawValue)/\(name)")
    }
}

/// From `at` on a Sentinel answers this: the address, its configuration's address, epoch and flags.
struct Telling {
    let at: MonotonicTime
    let sentinel: StoreNode
    let word: [String]
}

/// Servers have names in these tests, and one port.
func node(_ name: String) -> StoreNode { StoreNode(host: name, port: 7_000) }

func bulk(_ text: String) -> RESPValue { .bytes(Array(text.utf8)) }

func address(_ node: StoreNode) -> [String] { ["ip", node.host, "port", "\(node.port)"] }

/// The answers of a Sentinel to the three questions.
func replies(
    _ named: StoreNode, configured: StoreNode? = nil, epoch: String = "0", flags: String = "master",
    others: [StoreNode] = []
) -> [RESPValue] {
    let master = ["name", "store"] + address(configured ?? named) + ["flags", flags, "config-epoch", epoch]
    return [
        .array([bulk(named.host), bulk("\(named.port)")]), .array(master.map(bulk)),
        .array(others.map { .array((["name", "id"] + address($0)).map(bulk)) }),
    ]
}
