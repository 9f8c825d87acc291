// The answers of a loop by name. A query costs one look-up here when its name has been asked for before.

import DNS
import Text

/// A bounded table of answers. Of one loop.
struct AnswerCache {
    /// Bounds on what is kept: answers, and about their bytes.
    private static let (mostAnswers, mostBytes) = (10_000, 16 << 20)

    /// So that nobody knows which names meet.
    private let seed = UInt64.random(in: .min ... .max)
    /// By the hash of the name. Of two that meet, the later stands.
    private var answers: [UInt64: KeptAnswer] = [:]
    private var bytes = 0

    /// The answer kept for the name of a query.
    func find(_ query: Query, in message: borrowing Span<UInt8>) -> KeptAnswer? {
        guard let found = answers[hash(query, message)], found.name.count == query.nameEnd - Query.start else {
            return nil
        }
        for index in found.name.indices where found.name[index] != message[Query.start + index].lowercased {
            return nil
        }
        return found
    }

    /// Keeps an answer, or forgets the one that is kept.
    mutating func keep(_ answer: KeptAnswer?, for query: Query, in message: borrowing Span<UInt8>) {
        let hash = hash(query, message)
        if let old = answers.removeValue(forKey: hash) { bytes -= old.material.size }
        guard let answer, answer.material.size <= Self.mostBytes else { return }
        if answers.count >= Self.mostAnswers || bytes + answer.material.size > Self.mostBytes {
            answers.removeAll(keepingCapacity: true)
            bytes = 0
        }
        answers[hash] = answer
        bytes += answer.material.size
    }

    private func hash(_ query: Query, _ message: borrowing Span<UInt8>) -> UInt64 {
        var hash = seed
        for index in Query.start..<query.nameEnd {
            hash = (hash ^ UInt64(message[index].lowercased)) &* 0x0000_0100_0000_01b3
        }
        return hash
    }
}
