// Whether a client takes gzip, by RFC 9110, section 12.5.3, where `gzip;q=0` and `*` have their meaning.

/// What the `Accept-Encoding` field says of gzip.
public enum AcceptEncoding {
    /// Whether the answer may be gzipped. A client that sent no field gets plain bytes.
    public static func offersGzip(_ field: ArraySlice<UInt8>?) -> Bool {
        guard var rest = field else { return false }
        var anything = false
        while !rest.isEmpty {
            var element = rest.cut(at: UInt8(ascii: ","))
            let coding = element.cut(at: UInt8(ascii: ";")).trimmed()
            var isWanted = true
            while !element.isEmpty {
                if isZeroWeight(element.cut(at: UInt8(ascii: ";")).trimmed()) { isWanted = false }
            }
            if coding.equalsIgnoringCase("gzip") || coding.equalsIgnoringCase("x-gzip") { return isWanted }
            if coding.equals("*") { anything = isWanted }
        }
        return anything
    }

    /// `q=0`, `q=0.`, `q=0.000`: not wanted.
    private static func isZeroWeight(_ parameter: ArraySlice<UInt8>) -> Bool {
        guard parameter.count >= 3, parameter.prefix(2).equalsIgnoringCase("q=") else { return false }
        return parameter.dropFirst(2).allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") }
    }
}

extension ArraySlice<UInt8> {
    /// Takes what comes before the next separator, and the separator, off the front.
    fileprivate mutating func cut(at separator: UInt8) -> ArraySlice<UInt8> {
        let end = firstIndex(of: separator) ?? endIndex
        let piece = self[..<end]
        self = end < endIndex ? self[(end + 1)...] : self[endIndex...]
        return piece
    }
}
