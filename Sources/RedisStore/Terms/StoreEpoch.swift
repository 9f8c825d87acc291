// Which history of a shard a member has followed. The first part is made up when a shard is filled for the first time, or
// anew after everything was lost; the second counts the servers that the shard has been on: a server that was restarted or
// promoted may lack the last events of the one before it.

import Text

/// The name of a shard's history: `HEX16.GENERATION`.
package struct StoreEpoch: Hashable, Sendable, CustomStringConvertible {
    /// Of all that has followed from one beginning.
    package let history: String
    package let generation: UInt64

    /// Nil when these are no words of ours.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 16, UInt64(parts[0], radix: 16) != nil,
            let generation = UInt64(parts[1])
        else { return nil }
        history = String(parts[0])
        self.generation = generation
    }

    package var description: String { "\(history).\(generation)" }

    /// The first part of a name that nobody has had.
    package static func newHistory(_ random: inout some RandomNumberGenerator) -> String {
        UInt64.random(in: .min ... .max, using: &random).hexadecimal
    }
}
