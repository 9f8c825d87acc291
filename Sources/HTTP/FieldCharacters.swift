// Which characters may stand in the parts of a head.

import Text

extension ByteSet {
    /// What a method or a field name is made of (RFC 9110, section 5.6.2): letters, digits and ``!#$%&'*+-.^_`|~``.
    static let token = ByteSet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
    /// What a host name, an address or a port is written with: letters, digits and `-._:[]`. It is echoed in links and
    /// redirects, so nothing else passes.
    static let host = ByteSet(low: 0x07FF_6000_0000_0000, high: 0x07FF_FFFE_AFFF_FFFE)
}

extension ArraySlice<UInt8> {
    /// Whether these are a host with or without a port, as `Host` has it.
    public var isHostText: Bool { span.areHost(in: 0..<count) }
}

extension UInt8 {
    /// An ASCII digit.
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }
}

extension Span<UInt8> {
    /// Whether all bytes in `range` are of the set.
    func areAll(_ set: ByteSet, in range: Range<Int>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            if !set.contains(self[index]) { return false }
            index += 1
        }
        return true
    }

    /// Whether the bytes in `range` are a host with or without a port (RFC 9110, section 4.2): a name or an IPv4
    /// address, or another address in brackets; then perhaps a colon and digits.
    func areHost(in range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return false }
        let letters = ByteSet.name
        var index = range.lowerBound
        if self[index] == UInt8(ascii: "[") {
            index += 1
            let start = index
            while index < range.upperBound, letters.contains(self[index]) || self[index] == UInt8(ascii: ":") {
                index += 1
            }
            guard index > start, index < range.upperBound, self[index] == UInt8(ascii: "]") else { return false }
            index += 1
        } else {
            while index < range.upperBound, letters.contains(self[index]) { index += 1 }
            guard index > range.lowerBound else { return false }
        }
        guard index < range.upperBound else { return true }
        guard self[index] == UInt8(ascii: ":") else { return false }
        index += 1
        while index < range.upperBound, self[index].isDigit { index += 1 }
        return index == range.upperBound
    }

    /// Whether all may stand in a field value that is sent: no control character, and no tab either.
    var areFieldValue: Bool {
        areFieldText(in: 0..<count) && first(0x09, in: 0..<count) == nil
    }

    /// Whether all bytes in `range` may stand in a field value: no control character but the tab.
    func areFieldText(in range: Range<Int>) -> Bool {
        var index = range.lowerBound
        while index < range.upperBound {
            if index + 8 <= range.upperBound, eight(at: index).areVisible {
                index += 8
                continue
            }
            let byte = self[index]
            if byte < 0x20 ? byte != 0x09 : byte == 0x7F { return false }
            index += 1
        }
        return true
    }
}
