import TestRandom
import Testing

@testable import Catalog

struct NameTests {
    @Test(arguments: [
        (composed, decomposed), ("\u{212B}", "\u{C5}"), ("\u{C5}", "A\u{30A}"), ("\u{AC00}", "\u{1100}\u{1161}"),
        ("a\u{323}\u{307}", "a\u{307}\u{323}"),
    ])
    func `names of other bytes are other names, even where Swift strings are equal`(left: String, right: String) {
        #expect(left == right, "the case is pointless unless the strings are canonically equivalent")
        #expect(Name(left) != Name(right))
        #expect(Namespace(left) != Namespace(right))
        #expect(InstanceID.text(Name(left)) != InstanceID.text(Name(right)))
        #expect(Set([Name(left), Name(right)]).count == 2)
        #expect((Name(left) < Name(right)) != (Name(right) < Name(left)), "exactly one of them comes first")
    }

    /// A name of twenty "é" has a million spellings. Were the hash that of the canonical form, all of them would share
    /// a bucket.
    @Test func `canonically equivalent names do not hash alike`() {
        let hashes = Set(spellings(of: 10).map { Name($0).hashValue })
        #expect(hashes.count > 1_000)
    }

    private func spellings(of length: Int) -> [String] {
        (0..<(1 << length)).map { bits in (0..<length).map { bits >> $0 & 1 == 0 ? "\u{E9}" : "e\u{301}" }.joined() }
    }

    @Test func `equal names are equal and hash alike, however their strings came to be`() {
        let long = "a name that is too long to be kept in the string itself"
        for text in ["", "web", composed, decomposed, long] {
            let rebuilt = String(decoding: Array(text.utf8), as: UTF8.self)
            let slice = String(("<" + text + ">").dropFirst().dropLast())
            for other in [rebuilt, slice] {
                #expect(Name(text) == Name(other))
                #expect(Name(text).hashValue == Name(other).hashValue)
                #expect(Namespace(text).hashValue == Namespace(other).hashValue)
            }
        }
    }

    @Test func `names are ordered by their bytes`() {
        let sorted = ["", "A", "Z", "a", "a!", "aa", "b", decomposed, composed, "\u{E9}", "\u{FFFD}", "\u{10000}"]
        var random = SplitMix64(seed: 1)
        for _ in 0..<20 {
            #expect(
                sorted.shuffled(using: &random).map(Name.init).sorted().map { Array($0.text.utf8) }
                    == sorted.map { Array($0.utf8) })
        }
    }
}
