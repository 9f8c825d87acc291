// Random histories of a directory against what can be said of each member from its own history alone. A failure prints
// its seed.

import TestRandom
import TestTime
import Testing
import Time

@testable import Replication

/// A member that beats or not, with a clock that may jump, as a naive model.
private struct Writer {
    let address: PeerAddress
    var isAlive = true
    var nextBeat: Int64
    /// Nil: no file.
    var written: [UInt8]?
    /// Whether the next look finds a broken file.
    var isTorn = false
    /// When the view last saw a new content, in the model's own count of time.
    var seen: (content: [UInt8], at: Int64)?
}

struct DirectoryViewPropertyTests {
    @Test(arguments: 0..<40)
    func `the view is what each member's own history says`(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let own = PeerAddress(host: "10.0.0.1", port: 6100)
        var view = DirectoryView(own: own)
        var writers = (2...6).map {
            Writer(
                address: PeerAddress(host: "10.0.0.\($0)", port: 6100),
                nextBeat: Int64.random(in: 0..<7_000, using: &random))
        }
        var now: Int64 = Int64.random(in: 0..<1 << 40, using: &random)
        let start = now
        for index in writers.indices { writers[index].nextBeat += start }
        let longestStep = DirectoryView.longestStep.wholeMilliseconds
        let expiry = DirectoryView.expiry.wholeMilliseconds
        var counted: Int64 = 0
        var lastLook: Int64?
        var isWritable = true
        var said: Set<PeerAddress> = []

        for step in 0..<150 {
            now += Int64.random(in: 4_500...5_500, using: &random)
            if Int.random(in: 0..<40, using: &random) == 0 { now += Int64.random(in: 0..<200_000, using: &random) }
            if Int.random(in: 0..<15, using: &random) == 0 {
                isWritable.toggle()
                _ =
                    isWritable
                    ? view.heartbeatWritten(MemberFile(address: own, timestamp: now).content)
                    : view.heartbeatFailed(reason: "full")
            }
            for index in writers.indices {
                if Int.random(in: 0..<30, using: &random) == 0 { writers[index].isAlive.toggle() }
                if Int.random(in: 0..<60, using: &random) == 0 { writers[index].written = nil }
                writers[index].isTorn = Int.random(in: 0..<10, using: &random) == 0
                while writers[index].nextBeat <= now {
                    let skew = Int64.random(in: -315_000_000...315_000_000, using: &random) * 1_000_000_000
                    if writers[index].isAlive {
                        writers[index].written =
                            MemberFile(address: writers[index].address, timestamp: writers[index].nextBeat + skew)
                            .content
                    }
                    writers[index].nextBeat += 7_000
                }
            }
            if Int.random(in: 0..<20, using: &random) == 0 {
                let before = view.members
                _ = view.lookFailed(reason: "gone")
                #expect(view.members == before, "seed \(seed), step \(step)")
                continue
            }

            let files = writers.compactMap { writer -> ObservedFile? in
                guard let content = writer.written else { return nil }
                return ObservedFile(
                    name: writer.address.description, content: writer.isTorn ? .bytes([]) : .bytes(content))
            }
            let judgement = view.looked(files.shuffled(using: &random), at: MonotonicTime(milliseconds: now))
            if let lastLook, isWritable { counted += min(now - lastLook, longestStep) }
            lastLook = now

            var expected: Set<PeerAddress> = []
            for index in writers.indices {
                if let content = writers[index].written, !writers[index].isTorn, writers[index].seen?.content != content
                {
                    writers[index].seen = (content, counted)
                }
                guard let seen = writers[index].seen else { continue }
                if counted - seen.at < expiry { expected.insert(writers[index].address) }
                // Forgotten: the same content, should it come again, is a new one.
                if counted - seen.at >= expiry, writers[index].written == nil {
                    writers[index].seen = nil
                }
            }
            #expect(view.members == expected, "seed \(seed), step \(step)")

            for event in judgement.events {
                switch event {
                case .appeared(let address): #expect(said.insert(address).inserted, "seed \(seed), step \(step)")
                case .expired(let address): #expect(said.remove(address) != nil, "seed \(seed), step \(step)")
                default: break
                }
            }
            #expect(said == view.members, "what was said is what is; seed \(seed), step \(step)")
            for deletion in judgement.deletions {
                #expect(!view.members.contains(deletion.address), "seed \(seed), step \(step)")
                #expect(
                    isWritable && writers.contains { $0.address == deletion.address && $0.written == deletion.content },
                    "seed \(seed), step \(step)")
            }
        }
    }

    @Test(arguments: 0..<20)
    func `a member that beats every 7 s is never lost, however looks and beats fall`(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed) &+ 1_000)
        let other = PeerAddress(host: "10.0.0.2", port: 6100)
        var view = DirectoryView(own: PeerAddress(host: "10.0.0.1", port: 6100))
        var (beat, now): (Int64, Int64) = (0, 0)
        for step in 0..<200 {
            now += Int64.random(in: 5_000...7_500, using: &random)
            while beat + 7_500 < now { beat += Int64.random(in: 7_000...7_500, using: &random) }
            _ = view.looked(
                [
                    ObservedFile(
                        name: "10.0.0.2:6100", content: .bytes(MemberFile(address: other, timestamp: beat).content))
                ], at: MonotonicTime(milliseconds: now))
            #expect(view.members == [other], "seed \(seed), step \(step)")
        }
    }

    @Test(arguments: 0..<20)
    func `no bytes under any name break the reading`(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed) &+ 2_000)
        let good = MemberFile(address: PeerAddress(host: "10.0.0.2", port: 6100), timestamp: 0).content
        for _ in 0..<200 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                default: bytes.remove(at: index)
                }
            }
            if let file = MemberFile(bytes) {
                #expect(MemberFile(file.content) == file, "seed \(seed): what is read can be written and read again")
            }
            let name = String(decoding: bytes, as: UTF8.self)
            if let address = MemberFile.address(named: name) {
                #expect(MemberFile.address(named: MemberFile.name(of: address)) == address)
            }
        }
    }
}
