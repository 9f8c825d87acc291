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
            for offset in 0..<count where unsafe self[startIndex + offset].lowercased != expected[offset] {
                return false
            }
            return true
        }
    }
}
