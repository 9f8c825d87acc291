// What is promised of the rule with a budget, and the table of docs/expiry.md, which is written from the simulation.

import Foundation
import Testing

@testable import Catalog

struct ExpirySimulationTests {
    private static let seeds: [UInt64] = [1, 2, 3]
    private static let share = 20
    private static let hold = 600
    /// How many may go in a minute. In the third that is counted, those that were cut off are heard again.
    private static let most = ExpirySimulation.count * share / 100
    private static let document = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "docs/expiry.md")

    /// What a rule costs with each seed.
    private static func costs<Rule: ExpiryRule>(_ misfortune: Misfortune, _ rule: (UInt64) -> Rule) -> [ExpiryCost] {
        seeds.map { ExpirySimulation(misfortune, seed: $0).run(rule($0)).cost }
    }

    private static func budget() -> CatalogRule { CatalogRule(share: share, hold: hold, ttl: ExpirySimulation.lease) }

    @Test(arguments: Misfortune.allCases)
    func `no more go in a minute than may, and nobody dead is listed for longer than a hold`(_ misfortune: Misfortune) {
        for seed in Self.seeds {
            let (cost, rule) = ExpirySimulation(misfortune, seed: seed).run(Self.budget())
            // Minutes begin with the first that goes outside of one.
            var (start, gone) = (Int.min / 2, 0)
            for (second, count) in rule.expired.sorted(by: { $0.key < $1.key }) {
                if second >= start + 60 { (start, gone) = (second, 0) }
                gone += count
                #expect(gone <= Self.most, "seed \(seed), \(second) s")
            }
            let longest = ExpirySimulation.lease + Self.hold + 5
            #expect(misfortune == .split || (cost.gone ?? .max) <= longest, "seed \(seed): \(cost)")
            #expect(cost.removed <= (misfortune == .split ? 3 * Self.most : 0), "seed \(seed): \(cost)")
        }
    }

    @Test func `the table of the documentation is what is simulated`() throws {
        let lines = Misfortune.allCases.flatMap { misfortune in
            [
                Self.line(
                    misfortune, "none",
                    Self.costs(misfortune) { _ in CatalogRule(share: 0, hold: 0, ttl: ExpirySimulation.lease) }),
                Self.line(
                    misfortune, "Eureka's, as shipped",
                    Self.costs(misfortune) { EurekaRule(duration: ExpirySimulation.lease, isDoubled: true, seed: $0) }),
                Self.line(
                    misfortune, "Eureka's, leases not doubled",
                    Self.costs(misfortune) { EurekaRule(duration: ExpirySimulation.lease, isDoubled: false, seed: $0) }),
                Self.line(misfortune, "`EXPIRY_BUDGET=20%`", Self.costs(misfortune) { _ in Self.budget() }),
            ]
        }
        let head = [
            "| what happens | rule | alive, but removed | for instance-minutes | dead, but listed: instance-minutes | the last one for |",
            "|---|---|---|---|---|---|",
        ]
        let table = (head + lines).joined(separator: "\n")
        if ProcessInfo.processInfo.environment["EXPIRY_TABLE"] == "1" { print(table) }
        let text = try String(contentsOf: Self.document, encoding: .utf8)
        let begin = try #require(text.range(of: head[0]))
        let end = try #require(text[begin.lowerBound...].range(of: "\n\n"))
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] == "1" {
            try text.replacingCharacters(in: begin.lowerBound..<end.lowerBound, with: table).write(
                to: Self.document, atomically: true, encoding: .utf8)
        }
        let written = try String(contentsOf: Self.document, encoding: .utf8)
        #expect(written.contains(table + "\n\n"), "run: UPDATE_DOCS=1 swift test --filter ExpirySimulation")
    }

    /// The mean over the seeds.
    private static func line(_ misfortune: Misfortune, _ rule: String, _ costs: [ExpiryCost]) -> String {
        func mean(_ value: (ExpiryCost) -> Double) -> String {
            String(Int((costs.reduce(0) { $0 + value($1) } / Double(costs.count)).rounded()))
        }
        let gone = costs.compactMap(\.gone)
        let last =
            switch misfortune {
            case .split: "–"
            default:
                gone.count < costs.count
                    ? "ever" : "\(Int((Double(gone.reduce(0, +)) / Double(gone.count)).rounded())) s"
            }
        return
            "| \(misfortune.rawValue) | \(rule) | \(mean { Double($0.removed) }) | \(mean(\.missing)) | \(mean(\.stale)) | \(last) |"
    }
}
