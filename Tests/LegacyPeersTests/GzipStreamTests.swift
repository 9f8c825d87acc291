import Foundation
import Gzip
import TestRandom
import Testing

struct GzipStreamTests {
    private static let limit = 1 << 20

    @Test func `each piece can be unpacked as soon as it is packed`() throws {
        let deflater = try #require(Deflater())
        let inflater = try #require(Inflater())
        var generator = SplitMix64(seed: 11)
        for count in [1, 10, 1_000, 100_000, 3] {
            let content = (0..<count).map { _ in UInt8.random(in: 0...9, using: &generator) }
            #expect(try inflater.unpack(deflater.pack(content), limit: Self.limit) == content)
            #expect(!inflater.isComplete)
        }
        #expect(try inflater.unpack(deflater.finish(), limit: Self.limit) == [])
        #expect(inflater.isComplete)
        #expect(throws: InflateError.afterEnd) { try inflater.unpack([0], limit: Self.limit) }
    }

    @Test func `a stream is unpacked however it is cut`() throws {
        let text = Array(String(repeating: "what members tell each other; ", count: 500).utf8)
        let deflater = try #require(Deflater())
        let packed = deflater.pack(text) + deflater.finish()
        #expect(packed.count < text.count / 10)
        for seed in 0..<50 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            let inflater = try #require(Inflater())
            var unpacked: [UInt8] = []
            for piece in pieces(packed, using: &generator) { unpacked += try inflater.unpack(piece, limit: Self.limit) }
            #expect(unpacked == text && inflater.isComplete, "seed \(seed)")
        }
    }

    @Test func `a few bytes that stand for many are refused`() throws {
        let deflater = try #require(Deflater())
        let bomb = deflater.pack([UInt8](repeating: 0, count: 64 << 20))
        #expect(bomb.count < Self.limit)
        let inflater = try #require(Inflater())
        #expect(throws: InflateError.tooLong) { try inflater.unpack(bomb, limit: Self.limit) }
        #expect(throws: InflateError.tooLong, "and it stays so") { try inflater.unpack([0], limit: Self.limit) }
    }

    @Test func `what is not gzip is refused`() throws {
        for garbage in [bytes("HTTP/1.1 200 OK"), [0x1F, 0x8B, 0xFF, 0xFF], [0x78, 0x9C, 1, 2]] {
            let inflater = try #require(Inflater())
            #expect(throws: InflateError.malformed) { try inflater.unpack(garbage, limit: Self.limit) }
        }
    }

    @Test func `a changed byte never passes for the end`() throws {
        let deflater = try #require(Deflater())
        let packed = deflater.pack(bytes("a copy of everything")) + deflater.finish()
        for index in 10..<packed.count {
            var changed = packed
            changed[index] ^= 0x40
            let inflater = try #require(Inflater())
            let unpacked = try? inflater.unpack(changed, limit: Self.limit)
            #expect(!inflater.isComplete || unpacked == bytes("a copy of everything"))
        }
    }

    @Test(arguments: [[0, 5_000, 0], [1, 1, 400_000, 3], [200_000], [Int](repeating: 997, count: 700)] as [[Int]])
    func `pieces are packed as if they were one`(sizes: [Int]) throws {
        // Text that packs to about a third.
        let pieces = sizes.map { size in (0..<size).map { UInt8(0x30 + ($0 &* $0) % 37) } }
        let packed = try #require(Gzip.compress(pieces))
        let inflater = try #require(Inflater())
        let count = sizes.reduce(0, +)
        #expect(packed.count < count)
        #expect(try inflater.unpack(packed, limit: count) == pieces.flatMap(\.self))
        #expect(inflater.isComplete)
    }

    @Test func `what may not grow is left as it is`() {
        // Sixteen letters in no order pack to a half.
        let pieces = (0..<8).map { _ in (0..<100_000).map { _ in UInt8.random(in: 0x41...0x50) } }
        var left = 100_000
        let packed = Gzip.compress(pieces) { count in
            left -= count
            return left >= 0
        }
        #expect(packed == nil)
        #expect((Gzip.compress(pieces)?.count ?? 0) > 100_000)
    }

    @Test func `pieces that would not get smaller are left as they are`() {
        var generator = SystemRandomNumberGenerator()
        let noise = (0..<3).map { _ in (0..<70_000).map { _ in UInt8.random(in: 0...255, using: &generator) } }
        #expect(Gzip.compress(noise) == nil)
        #expect(Gzip.compress([[UInt8]]()) == nil)
        #expect(Gzip.compress([[], []]) == nil)
    }

    @Test(.enabled(if: ProcessInfo.processInfo.physicalMemory > 8 << 30))
    func `as much as zlib cannot take at once is left as it is`() {
        // Never touched, so it takes no memory but addresses.
        let long = [UInt8](unsafeUninitializedCapacity: 1 << 32) { $1 = 1 << 32 }
        #expect(Gzip.compress(long) == nil)
    }
}
