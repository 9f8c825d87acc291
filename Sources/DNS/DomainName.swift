// A name as messages carry it: labels, each after its length, up to the empty one of the root. In lower case, so that
// names which differ in case only are one value.

import Text

/// A domain name in wire format, in lower case and without compression.
package struct DomainName: Hashable, Sendable {
    /// Invariant: labels of 1 to 63 bytes, each after its length, and a zero; 255 bytes at most.
    package let wire: [UInt8]

    /// Takes the name of a question, which `Query` has checked.
    package init(folded wire: [UInt8]) { self.wire = wire }

    /// Reads `a8.example.com`, with or without a dot at its end; nil when it is no name of a host: labels of letters,
    /// digits, `-` and `_`.
    package init?(_ text: some Collection<UInt8>) {
        var wire: [UInt8] = [0]
        var start = 0
        for byte in text {
            if byte == UInt8(ascii: ".") {
                guard wire[start] > 0 else { return nil }
                start = wire.count
                wire.append(0)
            } else {
                guard LabelText.hostBytes.contains(byte), wire[start] < 63 else { return nil }
                wire[start] += 1
                wire.append(byte.lowercased)
            }
        }
        // A name is not empty, and a dot at its end has begun the root's label.
        guard wire.count > 1 else { return nil }
        if wire[start] > 0 { wire.append(0) }
        guard wire.count <= Query.longestName else { return nil }
        self.wire = wire
    }

    /// From the left, without the root's.
    package var labels: [ArraySlice<UInt8>] {
        var labels: [ArraySlice<UInt8>] = []
        var offset = 0
        while wire[offset] > 0 {
            let end = offset + 1 + Int(wire[offset])
            labels.append(wire[offset + 1..<end])
            offset = end
        }
        return labels
    }
}
