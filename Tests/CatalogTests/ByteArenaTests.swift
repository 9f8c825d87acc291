// Runs of bytes in an arena, against a plain dictionary.

import TestRandom
import Testing

@testable import Catalog

struct ByteArenaTests {
    private static func run(_ count: Int, _ seed: UInt8 = 1) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0) &* 31 &+ seed }
    }

    @Test func `a run is given back as it was put in, whatever its length`() {
        var arena = ByteArena()
        var kept: [(ByteArena.Handle, [UInt8])] = []
        for count in [0, 1, 6, 7, 8, 9, 135, 136, 1_007, 1_008, 1_014, 1_015, 1_016, 1_017, 8_159, 8_160, 100_000] {
            let run = Self.run(count)
            kept.append((arena.insert(run.span), run))
        }
        arena.checkInvariants()
        for (handle, run) in kept { #expect(arena.bytes(handle) == run, "\(run.count) bytes") }
        for (handle, _) in kept { arena.remove(handle) }
        #expect(arena.count == 0 && arena.chunkCount == 0)
        arena.checkInvariants()
    }

    @Test func `runs of one size lie in as few chunks as hold them, and an emptied one is given back`() {
        var arena = ByteArena()
        let run = Self.run(135)
        let perChunk = ByteArena.chunkBytes / 136
        let handles = (0..<3 * perChunk).map { _ in arena.insert(run.span) }
        #expect(arena.chunkCount == 3)
        for handle in handles[perChunk..<2 * perChunk] { arena.remove(handle) }
        #expect(arena.chunkCount == 2)
        for handle in handles[..<10] { arena.remove(handle) }
        for _ in 0..<10 { _ = arena.insert(run.span) }
        #expect(arena.chunkCount == 2, "what has become free is filled first")
        arena.checkInvariants()
    }

    @Test func `a run that is replaced by one of about its size stays where it is`() {
        var arena = ByteArena()
        var handle = arena.insert(Self.run(100).span)
        let first = handle
        let other = arena.insert(Self.run(100).span)
        arena.replace(&handle, with: Self.run(103, 7).span)
        #expect(handle == first && arena.bytes(handle) == Self.run(103, 7))
        arena.replace(&handle, with: Self.run(5_000).span)
        #expect(handle != first && arena.bytes(handle) == Self.run(5_000) && arena.count == 2)
        #expect(arena.bytes(other) == Self.run(100))
        arena.checkInvariants()
    }

    @Test func `the handle of a run that was removed hands out nothing`() async {
        await #expect(processExitsWith: .failure) {
            var arena = ByteArena()
            let (gone, _) = (arena.insert([1, 2, 3].span), arena.insert([4, 5, 6].span))
            arena.remove(gone)
            _ = arena.bytes(gone)
        }
        await #expect(processExitsWith: .failure) {
            var arena = ByteArena()
            let (gone, _) = (arena.insert([1, 2, 3].span), arena.insert([4, 5, 6].span))
            arena.remove(gone)
            arena.remove(gone)
        }
    }

    @Test(arguments: 0..<20)
    func `it holds what a dictionary holds`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var arena = ByteArena()
        var model: [(handle: ByteArena.Handle, run: [UInt8])] = []
        for step in 0..<4_000 {
            let count =
                Bool.random(using: &random)
                ? Int.random(in: 0...40, using: &random) * 4
                : Int.random(in: 0...2_000, using: &random)
            let run = Self.run(count, UInt8(truncatingIfNeeded: step))
            // It grows, and then shrinks.
            switch Int.random(in: 0..<10, using: &random) {
            case 0...(step % 1_000 < 600 ? 5 : 1): model.append((arena.insert(run.span), run))
            case 6...7 where !model.isEmpty:
                let place = model.indices.randomElement(using: &random)!
                arena.replace(&model[place].handle, with: run.span)
                model[place].run = run
            default:
                guard !model.isEmpty else { continue }
                let place = model.indices.randomElement(using: &random)!
                arena.remove(model[place].handle)
                model.swapAt(place, model.count - 1)
                model.removeLast()
            }
            if step % 200 == 0 {
                arena.checkInvariants()
                for (handle, run) in model { #expect(arena.bytes(handle) == run, "seed \(seed), step \(step)") }
            }
        }
        #expect(arena.count == model.count, "seed \(seed)")
    }
}
