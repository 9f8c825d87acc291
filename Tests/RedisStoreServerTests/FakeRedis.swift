// A server of which each byte is the test's: what a healthy one never does. It reads commands with the reader of
// replies, as commands are arrays of strings, and answers the greeting as a healthy server would.

import RESP
import RedisStore
import RedisStoreServer
import TestSupport

/// A server whose answers after the greeting are the test's.
final class FakeRedis: Sendable {
    /// What becomes of a command.
    enum Answer: Sendable {
        case bytes([UInt8])
        /// Each byte on its own.
        case singly([UInt8])
        /// The bytes, and then a reset.
        case reset(after: [UInt8])
        case close
        case silence

        static func text(_ text: String) -> Answer { .bytes(Array(text.utf8)) }
    }

    private let server: RawServer

    /// - answer: called with each command; nil stands for what a healthy server answers.
    init(_ answer: @escaping @Sendable ([String]) -> Answer?) throws {
        server = try RawServer { peer, _ in
            let reader = try RESPReader()
            while let bytes = try peer.bytes() {
                reader.feed(bytes)
                while let value = try reader.next() {
                    guard case .array(let words) = value else { return }
                    let command = words.map { word in
                        if case .bytes(let bytes) = word { String(decoding: bytes, as: UTF8.self) } else { "" }
                    }
                    switch answer(command) ?? Self.healthy(command) {
                    case .bytes(let bytes): peer.send(bytes)
                    case .singly(let bytes): for byte in bytes { peer.send([byte]) }
                    case .reset(let bytes):
                        peer.send(bytes)
                        return peer.reset()
                    case .close: return
                    case .silence: break
                    }
                }
            }
        }
    }

    var node: StoreNode { StoreNode(host: "127.0.0.1", port: server.port) }

    static func healthy(_ command: [String]) -> Answer {
        switch command.first {
        case "INFO": info()
        case "FCALL": .text(":1\r\n")
        case "PING": .text("+PONG\r\n")
        default: .text("+OK\r\n")
        }
    }

    static func info(role: String = "master", loading: Int = 0) -> Answer {
        let text = "redis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:x\r\nrole:\(role)\r\nloading:\(loading)\r\n"
        return .text("$\(text.utf8.count)\r\n\(text)\r\n")
    }
}
