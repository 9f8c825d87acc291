// Comparisons of raw bytes with the constants of the protocol, without making a String of either.

import Text

extension ArraySlice<UInt8> {
    /// Whether these bytes are exactly those of an ASCII constant.
    public func equals(_ constant: StaticString) -> Bool {
        guard count == constant.utf8CodeUnitCount else { return false }
        return constant.withUTF8Buffer { expected in
            for offset in 0..<count where unsafe self[startIndex + offset] != expected[offset] { return false }
            return true
        }
    }

    /// Whether these bytes are those of a lower-case ASCII constant, in any case.
    public func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
        guard count == lowercase.utf8CodeUnitCount else { return false }
        return lowercase.withUTF8Buffer { expected in
            let (bytes, expected) = unsafe (span, expected.span)
            var index = 0
            // A name of a field is a word or two; the last word overlaps the one before.
            if count >= 8 {
                while index < count {
                    let place = Swift.min(index, count - 8)
                    if bytes.eight(at: place).lowercased != expected.eight(at: place) { return false }
                    index += 8
                }
                return true
            }
            while index < count {
                if bytes[index].lowercased != expected[index] { return false }
                index += 1
            }
            return true
        }
    }

    /// Whether the bytes from `index` on begin with those of an ASCII constant.
    func has(_ constant: StaticString, at index: Int) -> Bool {
        guard constant.utf8CodeUnitCount <= endIndex - index else { return false }
        return constant.withUTF8Buffer { expected in
            for offset in 0..<expected.count where unsafe self[index + offset] != expected[offset] { return false }
            return true
        }
    }
}
