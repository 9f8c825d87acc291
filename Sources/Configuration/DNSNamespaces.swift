// Which namespaces DNS shows, and under which names: `shop=tenant-a,ops=team@10.1.0.0/16`. A query has no credential, so
// it is the operator who says what may be seen, and by whom. A namespace's own name may be a credential, and is never a
// part of a name.

import Text

/// The value of DNS_NAMESPACES.
package struct DNSNamespaces: Sendable, Equatable {
    /// A namespace that is shown.
    package struct Entry: Sendable, Equatable {
        /// The label that stands for it.
        package let alias: String
        package let namespace: String
        /// To whom it is shown; nil: to everybody who may ask.
        package let range: AddressRanges?
    }

    /// Namespaces that may be named.
    static let most = 256

    package let entries: [Entry]
    /// The list as it was written, without spaces.
    package let text: String

    /// Nil when the text is no such list.
    package init?(_ text: String) {
        var entries: [Entry] = []
        var words: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let word = String(part.filter { $0 != " " })
            let sides = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2, Self.isLabel(sides[0]), !entries.contains(where: { $0.alias == sides[0] }),
                entries.count < Self.most
            else { return nil }
            let ends = sides[1].split(separator: "@", omittingEmptySubsequences: false).map(String.init)
            guard ends.count <= 2, (1...Settings.Limits.eurekaNamespaceBytes).contains(ends[0].utf8.count),
                ends[0].utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
            else { return nil }
            var range: AddressRanges?
            if ends.count == 2 {
                guard let read = AddressRanges(ends[1]) else { return nil }
                range = read
            }
            entries.append(Entry(alias: sides[0], namespace: ends[0], range: range))
            words.append(word)
        }
        (self.entries, self.text) = (entries, words.joined(separator: ","))
    }

    /// Letters in lower case, digits and hyphens, the latter not at an end (RFC 1123, section 2.1).
    static func isLabel(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count) && text.first != "-" && text.last != "-"
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
            }
    }
}
