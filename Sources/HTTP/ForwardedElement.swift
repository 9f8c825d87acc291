// The `Forwarded` field (RFC 7239): a list of what each proxy knew of the one before it, the client's own proxy first.

import Text

/// One proxy's word.
public struct ForwardedElement: Sendable, Equatable {
    /// The address of the client of the proxy, without its port: numeric, or whatever else stands there.
    public private(set) var node: [UInt8]?
    /// `http` or `https`, in lower case.
    public private(set) var proto: [UInt8]?
    /// `Host` as the proxy was sent it.
    public private(set) var host: [UInt8]?

    /// The elements of a field in order; nil when it is not well-formed, and then nothing of it can be believed.
    public static func parse(_ field: ArraySlice<UInt8>) -> [ForwardedElement]? {
        var elements: [ForwardedElement] = []
        var element = ForwardedElement()
        var isEmpty = true
        var rest = field.drop { $0.isBlank }
        while let first = rest.first {
            switch first {
            case UInt8(ascii: ","):
                if !isEmpty { elements.append(element) }
                element = ForwardedElement()
                isEmpty = true
                rest = rest.dropFirst().drop { $0.isBlank }
            case UInt8(ascii: ";"):
                rest = rest.dropFirst().drop { $0.isBlank }
            default:
                guard let (name, value, end) = pair(rest), element.take(name, value) else { return nil }
                isEmpty = false
                rest = rest[end...].drop { $0.isBlank }
                guard rest.isEmpty || rest.first == UInt8(ascii: ",") || rest.first == UInt8(ascii: ";") else {
                    return nil
                }
            }
        }
        if !isEmpty { elements.append(element) }
        return elements
    }

    /// Takes one parameter; false when it came before.
    private mutating func take(_ name: ArraySlice<UInt8>, _ value: [UInt8]) -> Bool {
        if name.equalsIgnoringCase("for") {
            defer { node = value }
            return node == nil
        } else if name.equalsIgnoringCase("proto") {
            defer { proto = value.map(\.lowercased) }
            return proto == nil
        } else if name.equalsIgnoringCase("host") {
            defer { host = value }
            return host == nil
        }
        return true
    }

    /// `NAME=VALUE` at the front, the value a token or quoted, and where it ends.
    private static func pair(_ text: ArraySlice<UInt8>) -> (name: ArraySlice<UInt8>, value: [UInt8], end: Int)? {
        let name = text.prefix { ByteSet.token.contains($0) }
        guard !name.isEmpty, text[name.endIndex...].first == UInt8(ascii: "=") else { return nil }
        let rest = text[(name.endIndex + 1)...]
        guard rest.first == UInt8(ascii: "\"") else {
            // Addresses with a port, and hosts, should be quoted, and often are not.
            let value = rest.prefix { ByteSet.token.contains($0) || ByteSet.host.contains($0) }
            return value.isEmpty ? nil : (name, Array(value), value.endIndex)
        }
        var value: [UInt8] = []
        var index = rest.startIndex + 1
        while index < rest.endIndex {
            switch rest[index] {
            case UInt8(ascii: "\""): return (name, value, index + 1)
            case UInt8(ascii: "\\"):
                index += 1
                guard index < rest.endIndex else { return nil }
                value.append(rest[index])
            default: value.append(rest[index])
            }
            index += 1
        }
        return nil
    }
}
