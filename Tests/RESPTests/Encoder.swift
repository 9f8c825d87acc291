// Replies as a server writes them, by a naive encoder that knows nothing of the reader; and random ones.

import RESP
import TestRandom

enum Encoder {
    static func encode(_ value: RESPValue) -> [UInt8] {
        switch value {
        case .status(let text): Array("+\(text)\r\n".utf8)
        case .error(let fault): Array("-\(fault.sentence)\r\n".utf8)
        case .integer(let number): Array(":\(number)\r\n".utf8)
        case .bytes(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
        case .array(let values): Array("*\(values.count)\r\n".utf8) + values.flatMap(encode)
        case .nothing: Array("$-1\r\n".utf8)
        }
    }

    /// - depth: arrays within one another, at most.
    static func random(depth: Int, using random: inout SplitMix64) -> RESPValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
        case 0: return .status(["OK", "", "QUEUED", "PONG x"].randomElement(using: &random) ?? "")
        case 1: return .error(RESPFault(["ERR no", "MOVED 1 h:2", "-", "OOM x y"].randomElement(using: &random) ?? ""))
        case 2: return .integer([0, 1, -1, .max, .min, 10].randomElement(using: &random) ?? 0)
        case 3: return .nothing
        case 4, 5:
            let count = [0, 1, 2, 40, 300, 20_000].randomElement(using: &random) ?? 0
            // Many line ends and signs of other replies among them.
            return .bytes((0..<count).map { _ in Array("\r\n$*-+:1\0\u{7F}".utf8).randomElement(using: &random) ?? 0 })
        default:
            return .array(
                (0..<Int.random(in: 0...6, using: &random)).map { _ in Self.random(depth: depth - 1, using: &random) })
        }
    }
}

/// What a reader makes of bytes that come in these pieces.
func read(_ pieces: [[UInt8]], limits: RESPLimits = RESPLimits()) throws(RESPError) -> [RESPValue] {
    let reader = try RESPReader(limits: limits)
    var values: [RESPValue] = []
    for piece in pieces {
        reader.feed(piece)
        while let value = try reader.next() { values.append(value) }
    }
    return values
}
