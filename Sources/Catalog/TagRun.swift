// The tags of a registration on their way from a request into an instance: in the form that the instance keeps, so that
// reading any number of them takes one array, and packing them one copy.

import Text

/// Tags side by side, each after its length in base 128, as `PackedInstance` has them.
package struct TagRun: Sendable {
    private(set) var bytes: [UInt8] = []
    package private(set) var count = 0

    /// What the tags of most instances take together, in bytes.
    private static let typicalSize = 96

    package init() {}

    init(_ tags: [ArraySlice<UInt8>]) {
        for tag in tags { append(tag) }
    }

    /// - Parameter tag: UTF-8.
    package mutating func append(_ tag: ArraySlice<UInt8>) {
        if bytes.isEmpty { bytes.reserveCapacity(Self.typicalSize) }
        bytes.append(addingCapacity: [UInt8].digits(of: tag.count) + tag.count) { $0.append(counted: tag) }
        count += 1
    }

    /// Whether it has this tag.
    package func contains(_ tag: ArraySlice<UInt8>) -> Bool {
        var cursor = ByteCursor(0..<bytes.count)
        let span = bytes.span
        while cursor.remaining > 0, let field = try? cursor.block(span, atMost: bytes.count) {
            if bytes[field.content] == tag { return true }
        }
        return false
    }
}
