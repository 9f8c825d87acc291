// Whether a client takes gzip, by RFC 9110, section 12.5.3, where `gzip;q=0` and `*` count for what they say.

/// What the `Accept-Encoding` field says of gzip.
public enum AcceptEncoding {
    /// Whether the answer may be gzipped. A client that sent no field gets plain bytes.
    public static func offersGzip(_ field: ArraySlice<UInt8>?) -> Bool {
        guard let field else { return false }
        var anything = false
        for element in field.split(separator: UInt8(ascii: ",")) {
            let parts = element.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            let coding = parts[0].trimmed()
            let isWanted = !parts.dropFirst().contains { isZeroWeight($0.trimmed()) }
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
