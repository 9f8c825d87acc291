// The corpus of raw requests in Tests/Corpus/requests.jsonl, which is replayed here against the gate alone and can be
// replayed against a live registry over a socket. Its README says what each key means.

import Foundation
import HTTP
import Testing

/// One line of the corpus.
struct RawRequest: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    /// The sentence of the contract that this case defends; empty where there is none.
    let rule: String
    let bytes: [UInt8]
    /// How many requests the gate finds whole.
    let complete: Int
    /// The status of the gate's refusal, or nil.
    let refusal: UInt16?
    /// The statuses on the wire, in order.
    let answers: [Int]
    /// Whether the server ends the connection after the last answer.
    let closes: Bool

    var testDescription: String { name }

    private enum CodingKeys: CodingKey { case name, rule, bytes, complete, refusal, answers, closes }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = try container.decode(String.self, forKey: .name)
        rule = try container.decode(String.self, forKey: .rule)
        bytes = try container.decode(Piece.self, forKey: .bytes).bytes
        complete = try container.decode(Int.self, forKey: .complete)
        refusal = try container.decode(UInt16?.self, forKey: .refusal)
        answers = try container.decode([Int].self, forKey: .answers)
        closes = try container.decode(Bool.self, forKey: .closes)
    }

    /// A text whose characters are bytes; a list of pieces; or a text and how often it comes.
    private struct Piece: Decodable {
        let bytes: [UInt8]

        init(from decoder: any Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                bytes = try text.unicodeScalars.map { scalar in
                    guard let byte = UInt8(exactly: scalar.value) else {
                        throw DecodingError.dataCorrupted(
                            .init(codingPath: decoder.codingPath, debugDescription: "not a byte: \(scalar)"))
                    }
                    return byte
                }
                return
            }
            var list = try decoder.unkeyedContainer()
            if list.count == 2, let text = try? list.decode(Piece.self), let times = try? list.decode(Int.self) {
                bytes = Array(repeatElement(text.bytes, count: times).joined())
            } else {
                bytes = try decoder.singleValueContainer().decode([Piece].self).flatMap(\.bytes)
            }
        }
    }

    /// Every case, or none when the file cannot be read: a test asserts that there are some.
    static let all: [RawRequest] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Corpus/requests.jsonl")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { line in
            do {
                return try JSONDecoder().decode(RawRequest.self, from: Data(line.utf8))
            } catch {
                print("the corpus has a line that cannot be read: \(line.prefix(80)): \(error)")
                return nil
            }
        }
    }()

    /// How many lines the file should have given.
    static let lineCount: Int = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Corpus/requests.jsonl")
        return (try? String(contentsOf: file, encoding: .utf8))?.split(separator: "\n").count ?? 0
    }()
}
