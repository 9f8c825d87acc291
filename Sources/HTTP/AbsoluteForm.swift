// A request target that is a whole URL. Every server must take one (RFC 9112, section 3.2.2), though only proxies are
// sent it as a rule.

/// The parts of a target in absolute form.
struct AbsoluteForm {
    let isHTTPS: Bool
    /// Where the host and port lie. Invariant: they are a host with or without a port, and not a port alone.
    let authority: Range<Int>
    /// The path and query; either may be missing.
    let rest: Range<Int>

    /// Nil for anything but `http://HOST` or `https://HOST`, with or without what follows a host. A user's name before
    /// the host is refused too (RFC 9110, section 4.2.4).
    init?(_ bytes: [UInt8], _ target: Range<Int>) {
        let isHTTPS = Self.begins(bytes[target], "https://")
        guard isHTTPS || Self.begins(bytes[target], "http://") else { return nil }
        let start = target.lowerBound + (isHTTPS ? 8 : 7)
        let end =
            bytes[start..<target.upperBound].firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
            ?? target.upperBound
        guard bytes.span.areHost(in: start..<end) else { return nil }
        self.isHTTPS = isHTTPS
        authority = start..<end
        rest = end..<target.upperBound
    }

    private static func begins(_ target: ArraySlice<UInt8>, _ prefix: StaticString) -> Bool {
        target.prefix(prefix.utf8CodeUnitCount).equalsIgnoringCase(prefix)
    }
}
