// Text as a part of a URL (RFC 3986, section 2.1): a segment of a path or a value of a query.

extension [UInt8] {
    /// Appends bytes, those that are none of `allowed` as `%XX`.
    package mutating func append(percentEncoded bytes: some Sequence<UInt8>, allowing allowed: ByteSet) {
        for byte in bytes {
            if allowed.contains(byte) {
                append(byte)
            } else {
                append(UInt8(ascii: "%"))
                append(UInt8(hexDigitOf: UInt64(byte >> 4)).uppercased)
                append(UInt8(hexDigitOf: UInt64(byte)).uppercased)
            }
        }
    }
}

extension ByteSet {
    /// What needs no escape anywhere in a URL (RFC 3986, section 2.3).
    package static let unreserved = ByteSet(low: name.low, high: name.high | 1 << (UInt64(UInt8(ascii: "~")) - 64))
    /// The same and the colon, which may stand in a segment of a path.
    package static let segment = ByteSet(
        low: unreserved.low | 1 << UInt64(UInt8(ascii: ":")), high: unreserved.high)
}
