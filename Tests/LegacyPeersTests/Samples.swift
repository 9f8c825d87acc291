// Two answers of the original, as received with their chunks undone, and small helpers for tests against them.

import Foundation
import TestRandom

@testable import LegacyPeers

enum Sample: String, CaseIterable {
    case live = "replication-stream.http"
    case copy = "sync-stream.http"

    /// The events, without the head of the answer.
    var body: [UInt8] {
        get throws {
            let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Samples/\(rawValue)")
            let bytes = [UInt8](try Data(contentsOf: file))
            let end = bytes.indices.dropLast(3).first { bytes[$0..<$0 + 4].elementsEqual("\r\n\r\n".utf8) } ?? 0
            return Array(bytes[(end + 4)...])
        }
    }
}

func events(_ bytes: [UInt8]) throws -> [ServerSentEvent] {
    var reader = ServerSentEventReader()
    var events: [ServerSentEvent] = []
    try reader.read(bytes, into: &events)
    return events
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// The bytes in pieces, many of them small.
func pieces(_ bytes: [UInt8], using generator: inout SplitMix64) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = Int.random(in: 0...(Bool.random(using: &generator) ? 3 : 400), using: &generator)
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
    }
    return pieces
}

/// A JSON text as a value that can be compared whatever the order of its keys.
func tree(_ json: [UInt8]) throws -> NSObject {
    let value = try JSONSerialization.jsonObject(with: Data(json), options: .fragmentsAllowed)
    return value as? NSObject ?? NSNull()
}
