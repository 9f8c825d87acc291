// How names of services and tags are written as labels. Most are labels already. Of the others each byte is written in
// base32hex behind `x--`, so that any name can be asked for by letters, digits and hyphens alone, and be read back
// without a table. The longest name needs a second label, behind `y--`.

package import Catalog
import Text

/// A name of a service, or a tag, as a question has it.
package enum Spelling: Hashable, Sendable {
    /// Given byte for byte.
    case exact(Name)
    /// In lower case, as questions are; another case may have been meant.
    case folded(Name)
}

/// The labels of names that are not those of hosts.
package enum LabelText {
    /// What begins a label that stands for bytes, and one that goes on with them.
    private static let (first, second) = (Array("x--".utf8), Array("y--".utf8))
    /// Digits in one label.
    private static let mostDigits = 60
    /// Letters of either case, digits, `-` and `_`.
    static let hostBytes = ByteSet(low: 0x03FF_2000_0000_0000, high: 0x07FF_FFFE_87FF_FFFE)

    /// The name that labels spell, from the left; nil when they spell none.
    static func spelling(_ labels: ArraySlice<ArraySlice<UInt8>>) -> Spelling? {
        guard let left = labels.first else { return nil }
        guard left.starts(with: first) else {
            guard labels.allSatisfy(isPlain) else { return nil }
            return .folded(Name(String(decoding: Array(labels.joined(separator: [UInt8(ascii: ".")])), as: UTF8.self)))
        }
        var digits = Array(left.dropFirst(first.count))
        if labels.count > 1 {
            guard labels.count == 2, digits.count == mostDigits, let right = labels.last, right.starts(with: second),
                right.count > second.count
            else { return nil }
            digits += right.dropFirst(second.count)
        }
        return bytes(base32: digits).flatMap { String(validating: $0, as: UTF8.self) }.map { .exact(Name($0)) }
    }

    /// Whether a label of a question, in lower case, is a name as it stands.
    static func isPlain(_ label: ArraySlice<UInt8>) -> Bool {
        label.first != UInt8(ascii: "_") && !label.starts(with: first) && !label.starts(with: second)
            && (1...63).contains(label.count) && label.allSatisfy(hostBytes.contains)
    }

    /// Whether a label may stand in a name of several labels, right of the first.
    static func isPart(_ label: ArraySlice<UInt8>) -> Bool { isPlain(label) || isContinuation(label) }

    /// Whether a label is the right part of a long name, so that there is something left of it.
    static func isContinuation(_ label: ArraySlice<UInt8>) -> Bool { label.starts(with: second) }

    /// RFC 4648, section 7, without padding; nil for anything else, and for digits that no bytes are written as.
    private static func bytes(base32 digits: [UInt8]) -> [UInt8]? {
        guard !digits.isEmpty else { return nil }
        var bytes: [UInt8] = []
        var (bits, count): (UInt32, Int) = (0, 0)
        for digit in digits {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "v"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            (bits, count) = (bits << 5 | UInt32(value), count + 5)
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            bits &= (1 << UInt32(count)) - 1
        }
        // What is left of the last digit is no whole digit, and zero.
        return count < 5 && bits == 0 && !bytes.isEmpty ? bytes : nil
    }
}
