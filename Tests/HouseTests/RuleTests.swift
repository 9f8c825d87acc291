// The contract's rules are numbered so that they can be quoted. A rule that no test quotes is defended by nobody, and a
// number that no rule has sends its reader nowhere.

import Foundation
import Testing

struct RuleTests {
    private static let contract = "docs/rest-api.md"

    /// The rules that the contract has: `- **R101** …`.
    private static let rules: Set<String> = {
        let text = SourceTree.text(contract) ?? ""
        return Set(text.matches(of: /\*\*(R[1-9]\d\d)\*\*/).map { String($0.1) })
    }()

    /// The rules that a text cites, those in the middle of `R801–R804` too.
    private static func citations(_ text: String) -> Set<String> {
        var cited = Set(text.matches(of: /\b(R[1-9]\d\d)\b/).map { String($0.1) })
        for match in text.matches(of: /\bR([1-9]\d\d)[–-]R([1-9]\d\d)\b/) {
            guard let first = Int(match.1), let last = Int(match.2), first <= last else { continue }
            cited.formUnion((first...last).map { "R\($0)" }.filter(rules.contains))
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
            #expect(unknown.isEmpty, "\(path) cites \(unknown.sorted()), which \(Self.contract) does not have")
        }
    }
}
