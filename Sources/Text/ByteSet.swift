// Which characters are allowed in a method, a host name or a path segment. Every byte of some fields is looked up, so a
// set is two numbers.

/// A set of ASCII characters: a bit for each, so that asking costs no memory access.
@frozen
public struct ByteSet: Sendable {
    /// Bits of 0 to 63, and of 64 to 127.
    @usableFromInline let low: UInt64
    @usableFromInline let high: UInt64

    @inlinable
    public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// Letters, digits and `-._`, which need no escape wherever a name is allowed.
    public static let name = ByteSet(low: 0x03FF_6000_0000_0000, high: 0x07FF_FFFE_87FF_FFFE)

    /// The letters of base64url (RFC 4648, section 5).
    public static let base64url = ByteSet(low: 0x03FF_2000_0000_0000, high: 0x07FF_FFFE_87FF_FFFE)

    @inlinable
    public func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<64: low >> UInt64(byte) & 1 == 1
        case 64..<128: high >> UInt64(byte & 63) & 1 == 1
        default: false
        }
    }
}
