// Where an instance is reached, as resolvers, proxies and monitors must be told it: a host and a port. What clients
// register is free text, and one bad address costs some readers the whole answer, so this is the one place that decides
// what is an address; what has none is left out of such answers, and counted (docs/feeds.md, A101–A103).

package import Text

/// The address of an instance.
package struct InstanceAddress: Hashable, Sendable {
    package enum Host: Hashable, Sendable {
        /// Never the unspecified address, nor IPv4 in IPv6's form.
        case ip(IPAddress)
        /// ASCII, in lower case, without a dot at its end.
        case name(String)
    }

    package let host: Host
    /// 1–65535.
    package let port: UInt16
    /// Whether it is spoken to by HTTP over TLS.
    package let isHTTPS: Bool

    /// The address of an instance; nil when it has none.
    package init?(_ instance: Instance) { self.init(instance.endpointKind, instance.endpointValueUTF8) }

    /// The address that an endpoint has; nil when it has none.
    ///
    /// - Parameter value: `host:port`, with brackets around an IPv6 address. For HTTP a URL too, and the port may be
    ///   absent.
    package init?(_ kind: Endpoint.Kind, _ value: ArraySlice<UInt8>) {
        let text = value.span
        guard let parts = Parts(kind, text) else { return nil }
        switch parts.host {
        case .ip(let address): host = .ip(address)
        case .name(let range):
            host = .name(
                String(
                    decoding: [UInt8](room: range.count) { output in
                        for index in range { output.append(text[index].lowercased) }
                    }, as: UTF8.self))
        }
        port = parts.port
        isHTTPS = parts.isHTTPS
    }

    /// The numeric address; nil where the host is a name.
    package var ip: IPAddress? { if case .ip(let address) = host { address } else { nil } }

    /// The host, without brackets.
    package var hostText: String {
        switch host {
        case .ip(let address): address.description
        case .name(let name): name
        }
    }
}

extension InstanceAddress: CustomStringConvertible {
    /// `host:port`, with brackets around an IPv6 address.
    package var description: String { ip?.isSix == true ? "[\(hostText)]:\(port)" : "\(hostText):\(port)" }
}

extension Instance {
    /// Whether it has an address. Makes none, since every registration asks.
    var hasAddress: Bool { InstanceAddress.Parts(endpointKind, endpointValueUTF8.span) != nil }
}

extension InstanceAddress {
    /// What an endpoint's value consists of. Holds no text.
    fileprivate struct Parts {
        enum Host {
            case ip(IPAddress)
            /// Where the name is, without a dot at its end.
            case name(Range<Int>)
        }

        let host: Host
        let port: UInt16
        let isHTTPS: Bool

        init?(_ kind: Endpoint.Kind, _ text: Span<UInt8>) {
            var (start, end) = (0, text.count)
            var isHTTPS = kind == .https
            var port: UInt16?
            switch kind {
            case .user: return nil
            case .tcp, .udp: break
            case .http, .https:
                // The scheme that is written counts.
                if text.begins(with: "http://") { (isHTTPS, start) = (false, 7) }
                if text.begins(with: "https://") { (isHTTPS, start) = (true, 8) }
                port = isHTTPS ? 443 : 80
                end = (start..<end).first { text[$0].beginsPath } ?? end
            }
            guard start < end else { return nil }
            var hostEnd = end
            if text[start] == UInt8(ascii: "[") {
                guard let bracket = (start..<end).first(where: { text[$0] == UInt8(ascii: "]") }),
                    let address = IPAddress(utf8: text.extracting(start + 1..<bracket)), address.isSix
                else { return nil }
                guard let host = Self.reachable(address) else { return nil }
                self.host = host
                hostEnd = bracket + 1
            } else {
                hostEnd = (start..<end).first { text[$0] == UInt8(ascii: ":") } ?? end
                guard let host = Self.host(text, start..<hostEnd) else { return nil }
                self.host = host
            }
            if hostEnd < end {
                guard text[hostEnd] == UInt8(ascii: ":"), let written = Self.port(text, hostEnd + 1..<end) else {
                    return nil
                }
                port = written
            }
            guard let port else { return nil }
            self.port = port
            self.isHTTPS = isHTTPS
        }

        /// What connects to the unspecified address reaches itself.
        private static func reachable(_ address: IPAddress) -> Host? {
            let address = address.unmapped
            return address.isUnspecified ? nil : .ip(address)
        }

        private static func host(_ text: Span<UInt8>, _ range: Range<Int>) -> Host? {
            if let address = IPAddress(utf8: text.extracting(range)) { return address.isSix ? nil : reachable(address) }
            return name(text, range).map { .name($0) }
        }

        /// Bytes of a name and of a label at most (RFC 1035, section 2.3.4).
        private static let longestName = 253
        private static let longestLabel = 63

        /// A host name by RFC 1123, underscores permitted; nil for any other text. One whose last label is a number is
        /// none: it would be read as an IPv4 address.
        private static func name(_ text: Span<UInt8>, _ range: Range<Int>) -> Range<Int>? {
            var end = range.upperBound
            if range.count > 1, text[end - 1] == UInt8(ascii: ".") { end -= 1 }
            guard (1...longestName).contains(end - range.lowerBound) else { return nil }
            var label = range.lowerBound
            var isNumber = true
            for index in range.lowerBound...end {
                guard index < end, text[index] != UInt8(ascii: ".") else {
                    guard (1...longestLabel).contains(index - label), text[label] != UInt8(ascii: "-"),
                        text[index - 1] != UInt8(ascii: "-")
                    else { return nil }
                    if index == end { break }
                    (label, isNumber) = (index + 1, true)
                    continue
                }
                guard text[index].isOfName else { return nil }
                if !text[index].isDigit { isNumber = false }
            }
            return isNumber ? nil : range.lowerBound..<end
        }

        private static func port(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt16? {
            guard (1...5).contains(range.count), text[range.lowerBound] != UInt8(ascii: "0") else { return nil }
            var number: UInt32 = 0
            for index in range {
                guard text[index].isDigit else { return nil }
                number = number * 10 + UInt32(text[index] - UInt8(ascii: "0"))
            }
            return UInt16(exactly: number)
        }
    }
}

extension Span<UInt8> {
    /// Whether it begins with this literal, which is in lower case, in any case of letters.
    fileprivate func begins(with literal: String) -> Bool {
        let literal = literal.utf8
        guard literal.count <= count else { return false }
        return zip(indices, literal).allSatisfy { self[$0].lowercased == $1 }
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }
    fileprivate var isOfName: Bool {
        isDigit || lowercased &- UInt8(ascii: "a") < 26 || self == UInt8(ascii: "-") || self == UInt8(ascii: "_")
    }
    /// Whether the authority of a URL ends before it.
    fileprivate var beginsPath: Bool {
        self == UInt8(ascii: "/") || self == UInt8(ascii: "?") || self == UInt8(ascii: "#")
    }
}
