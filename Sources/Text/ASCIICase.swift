// The case of ASCII letters, which is all that protocols fold.

extension UInt8 {
    /// The lower-case letter, of an ASCII letter; any other byte as it is.
    @inlinable public var lowercased: UInt8 { self >= 0x41 && self <= 0x5A ? self | 0x20 : self }

    /// The upper-case letter, of an ASCII letter; any other byte as it is.
    @inlinable public var uppercased: UInt8 { self >= 0x61 && self <= 0x7A ? self & ~0x20 : self }
}
