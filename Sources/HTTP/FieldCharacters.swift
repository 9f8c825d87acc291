// Which characters may stand in the parts of a head.

import Text

extension ByteSet {
    /// What a method or a field name is made of (RFC 9110, section 5.6.2): letters, digits and ``!#$%&'*+-.^_`|~``.
    static let token = ByteSet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
    /// What a host name, an address or a port is written with: letters, digits and `-._:[]`. It is echoed in links and redirects, so nothing
    /// else passes.
    static let host = ByteSet(low: 0x07FF_6000_0000_0000, high: 0x07FF_FFFE_AFFF_FFFE)
}

extension ArraySlice<UInt8> {
    /// Whether these may be a host with or without a port, as `Host` has it.
    public var isHostText: Bool { !isEmpty && allSatisfy(ByteSet.host.contains) }
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
