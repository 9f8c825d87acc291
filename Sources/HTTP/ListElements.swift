// Values that are lists (RFC 9110, section 5.6.1): elements between commas, of which empty ones mean nothing.

extension ArraySlice<UInt8> {
    /// The first element that is not empty, without the white space around it; nil when there is none. For lists whose
    /// elements have no quotes.
    public var firstElement: ArraySlice<UInt8>? {
        var rest = self
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: ",")) ?? rest.endIndex
            let element = rest[..<end].trimmed()
            if !element.isEmpty { return element }
            rest = rest[end...].dropFirst()
        }
        return nil
    }

    /// The elements that are not empty, without the white space around them, the last one first: proxies append. For
    /// lists whose elements have no quotes.
    public func reversedElements() -> some Sequence<ArraySlice<UInt8>> {
        var rest = self
        return AnyIterator {
            while !rest.isEmpty {
                let comma = rest.lastIndex(of: UInt8(ascii: ","))
                let element = rest[(comma.map { $0 + 1 } ?? rest.startIndex)...].trimmed()
                rest = rest[..<(comma ?? rest.startIndex)]
                if !element.isEmpty { return element }
            }
            return nil
        }
    }
}
