// The reader against a naive model and against an independent parser, on random texts. The seed of a failure is in its
// message.

import Foundation
import JSON
import TestRandom
import Testing

@Test(arguments: 0..<400 as Range<UInt64>)
func `what was rendered is read back equal`(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let tree = JSONTree.random(depth: 5, using: &generator)
    var bytes: [UInt8] = []
    tree.render(into: &bytes, using: &generator)
    #expect(try JSONTree(bytes) == tree, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
    var reader = JSONReader(bytes)
    let raw = try reader.readRawValue()
    try reader.finish()
    #expect(try JSONTree(Array(bytes[raw])) == tree, "seed \(seed)")
}

@Test(arguments: 0..<200 as Range<UInt64>)
func `a damaged text never crashes the reader, and is taken just when Foundation takes it`(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    var original: [UInt8] = []
    JSONTree.random(depth: 3, using: &generator).render(into: &original, using: &generator)
    let telling =
        Array("{}[]\",:\\u0123456789eE+-.dDtrfn \n\t/".utf8) + [
            0x00, 0x1F, 0x80, 0xBF, 0xC0, 0xC3, 0xE0, 0xED, 0xF0, 0xF4, 0xFF,
        ]
    for _ in 0..<50 {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch generator.next() % 4 {
            case 0: bytes.remove(at: place)
            case 1: bytes.insert(telling[Int.random(in: 0..<telling.count, using: &generator)], at: place)
            case 2: bytes[place] = telling[Int.random(in: 0..<telling.count, using: &generator)]
            default: bytes.removeSubrange(place...)
            }
        }
        let tree = try? JSONTree(bytes)
        let isTaken = tree != nil
        var reader = JSONReader(bytes)
        let isSkipped = (try? reader.skipValue()) != nil && (try? reader.finish()) != nil
        #expect(isTaken == isSkipped, "seed \(seed): reading and skipping disagree on \(bytes)")
        guard isComparable(bytes), tree?.holdsInfinity != true else { continue }
        let isTakenByFoundation =
            (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
        #expect(
            isTaken == isTakenByFoundation,
            "seed \(seed): \(isTaken) for \(String(decoding: bytes, as: UTF8.self)) \(bytes)")
    }
}

/// Where the two differ by design: Foundation guesses UTF-16 and UTF-32 from zero bytes among the first four, takes a
/// byte order mark, and refuses a number that no Double holds, which the reader gives as infinite.
private func isComparable(_ bytes: [UInt8]) -> Bool {
    !bytes.prefix(4).contains(0) && !bytes.starts(with: [0xEF, 0xBB, 0xBF])
}
