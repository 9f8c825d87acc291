// Puts a list together of what services have rendered. Small pieces are copied side by side, since each fragment of a
// chain costs a little with every answer; large ones are shared as they are.

import HTTP
import JSON

/// Collects the pieces of one body.
struct ListBuilder {
    /// Fragments of fewer bytes are copied.
    private static let sharedBytes = 16_384

    private enum Piece {
        case literal(StaticString)
        case fragment(Fragment)
    }

    private var pieces: [Piece] = []

    mutating func append(literal: StaticString) { pieces.append(.literal(literal)) }
    mutating func append(_ fragment: Fragment) { pieces.append(.fragment(fragment)) }
    mutating func append(_ bytes: [UInt8]) { pieces.append(.fragment(Fragment(bytes))) }

    mutating func prepend(_ bytes: [UInt8]) { pieces.insert(.fragment(Fragment(bytes)), at: 0) }

    /// The body. Pages are made of just the size that they need.
    var chain: FragmentChain {
        var fragments: [Fragment] = []
        var page: [UInt8] = []
        var index = 0
        while index < pieces.count {
            let start = index
            var size = 0
            while index < pieces.count, let count = Self.copiedBytes(pieces[index]) {
                size += count
                index += 1
            }
            page.reserveCapacity(size)
            for piece in pieces[start..<index] {
                switch piece {
                case .literal(let text): page.append(literal: text)
                case .fragment(let fragment): page += fragment.bytes
                }
            }
            if !page.isEmpty {
                fragments.append(Fragment(page))
                page = []
            }
            if index < pieces.count, case .fragment(let fragment) = pieces[index] {
                fragments.append(fragment)
                index += 1
            }
        }
        return FragmentChain(fragments)
    }

    /// How many bytes of a piece go into a page; nil when it is shared instead.
    private static func copiedBytes(_ piece: Piece) -> Int? {
        switch piece {
        case .literal(let text): text.utf8CodeUnitCount
        case .fragment(let fragment): fragment.count < sharedBytes ? fragment.count : nil
        }
    }
}
