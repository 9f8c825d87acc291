// The contract's rules are numbered so that they can be quoted. A rule that no test quotes is defended by nobody, and a
// number that no rule has sends its reader nowhere.

import Foundation
import Testing

struct RuleTests {
    /// The contracts, each with the letter of its rules.
    private static let contracts: [(page: String, letters: [Character])] = [
        ("docs/redis-functions.md", ["D"]),
        ("docs/rest-api.md", ["R"]), ("docs/eureka.md", ["E"]), ("docs/catalogs.md", ["F", "K", "U"]),
        ("docs/feeds.md", ["A"]), ("docs/watch.md", ["W"]), ("docs/prometheus.md", ["H"]), ("docs/envoy.md", ["V"]),
        ("docs/consul.md", ["C"]), ("docs/dns.md", ["N"]), ("docs/page.md", ["P"]), ("docs/tokens.md", ["J"]),
        ("docs/command-line.md", ["B"]), ("docs/snapshot.md", ["S"]),
        ("docs/redis.md", ["D"]),
    ]
    private static let letters = Set(contracts.flatMap(\.letters))

    /// The rules that the contracts have: `- **R101** …`.
    private static let rules: Set<String> = contracts.reduce(into: []) { rules, contract in
        let text = SourceTree.text(contract.page) ?? ""
        let numbered = text.matches(of: /\*\*([A-Z][1-9]\d\d)\*\*/).map { String($0.1) }
        rules.formUnion(numbered.filter { $0.first.map(contract.letters.contains) ?? false })
    }

    /// The rules that a text cites, those in the middle of `R801–R804` too.
    private static func citations(_ text: String) -> Set<String> {
        var cited = Set(text.matches(of: /\b([A-Z][1-9]\d\d)\b/).map { String($0.1) })
        cited = cited.filter { $0.first.map(letters.contains) ?? false }
        for match in text.matches(of: /\b([A-Z])([1-9]\d\d)[–-][A-Z]([1-9]\d\d)\b/) {
            guard let first = Int(match.2), let last = Int(match.3), first <= last else { continue }
            cited.formUnion((first...last).map { "\(match.1)\($0)" }.filter(rules.contains))
        }
        return cited
    }

    @Test func `every rule of the contract is quoted by a test`() {
        let quoted = SourceTree.texts(under: "Tests").reduce(into: Set<String>()) {
            $0.formUnion(Self.citations($1.text))
        }
        #expect(Self.rules.count > 100)
        #expect(Self.rules.subtracting(quoted).sorted() == [], "rules that no test quotes")
    }

    @Test func `every rule that is cited exists`() {
        let documents = SourceTree.documents.compactMap { path in SourceTree.text(path).map { (path: path, text: $0) } }
        for (path, text) in SourceTree.texts(under: "Sources") + SourceTree.texts(under: "Tests") + documents {
            let unknown = Self.citations(text).subtracting(Self.rules)
            #expect(unknown.isEmpty, "\(path) cites \(unknown.sorted()), which no contract has")
        }
    }
}
