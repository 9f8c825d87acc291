// Whole clusters, one for each seed, through every trouble there is; and the oracle after each. A seed that fails is
// printed and can be run alone: SIMULATION_SEED=n SWIFT_DETERMINISTIC_HASHING=1 swift test --filter SimulationTests.
// SIMULATION_SEEDS=n runs so many, and SIMULATION_STORIES=folder writes what happened in each, by which one sees
// whether another build does the same.

import Foundation
import Testing

struct SimulationTests {
    static let seedCount = ProcessInfo.processInfo.environment["SIMULATION_SEEDS"].flatMap(UInt64.init) ?? fewSeeds
    #if DEBUG
        /// Unoptimized, a cluster's minute takes a second.
        static let fewSeeds: UInt64 = 24
    #else
        static let fewSeeds: UInt64 = 240
    #endif
    static let onlySeed = ProcessInfo.processInfo.environment["SIMULATION_SEED"].flatMap(UInt64.init)
    static let stories = ProcessInfo.processInfo.environment["SIMULATION_STORIES"]
    /// Seeds run in parallel, dealt out to a few tests.
    static let hands: UInt64 = 4

    @Test(arguments: 0..<hands)
    func `a cluster in trouble loses nothing, and agrees when it is healed`(hand: UInt64) throws {
        for seed in Self.seeds(of: hand) {
            let simulation = Simulation(seed: seed)
            let complaints = simulation.run()
            if let stories = Self.stories {
                try simulation.story.write(toFile: "\(stories)/\(seed).txt", atomically: true, encoding: .utf8)
            }
            guard !complaints.isEmpty else { continue }
            if Self.onlySeed != nil { print(simulation.story) }
            Issue.record(
                "SIMULATION_SEED=\(seed) (\(simulation.setting.faults)): \(complaints.prefix(5).joined(separator: "\n"))"
            )
        }
    }

    static func seeds(of hand: UInt64) -> [UInt64] {
        if let onlySeed { return hand == 0 ? [onlySeed] : [] }
        return Array(stride(from: hand + 1, through: seedCount, by: Int(hands)))
    }
}
