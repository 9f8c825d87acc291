// What an instance registered over REST is hashed to its id from. The original registry joins service, type and value
// by slashes, which the three may contain, so two registrations can have the same text. Of those with the same text one
// keeps the id of the original registry; the others get distinct ids. Which one is a function of the text alone, so
// every member says the same, whatever it holds.

import Text

/// The service, endpoint type and endpoint value of a registration, as they are hashed.
package struct EndpointKey: Sendable {
    /// Bytes of UTF-8 in a service's name.
    package static let longestServiceName = 64
    /// Bytes of UTF-8 in an endpoint's value.
    package static let longestValue = 128

    private static let slash = UInt8(ascii: "/")
    private static let kinds = Endpoint.Kind.allCases.map { Array($0.rawValue.utf8) + [slash] }

    /// `service/type/value`.
    package let text: [UInt8]
    private let serviceBytes: Int
    private let kindBytes: Int

    /// Neither name nor value is empty or longer than it may be.
    package init(serviceName: ArraySlice<UInt8>, kind: Endpoint.Kind, value: ArraySlice<UInt8>) {
        let kind = Self.kinds[kind.index]
        text = [UInt8](room: serviceName.count + 1 + kind.count + value.count) { output in
            output.append(serviceName.span)
            output.append(Self.slash)
            output.append(kind.span)
            output.append(value.span)
        }
        serviceBytes = serviceName.count
        kindBytes = kind.count - 1
    }

    package var serviceName: ArraySlice<UInt8> { text[..<serviceBytes] }
    package var kind: ArraySlice<UInt8> { text[(serviceBytes + 1)...].prefix(kindBytes) }
    package var value: ArraySlice<UInt8> { text[(serviceBytes + kindBytes + 2)...] }

    /// Whether this is, of all registrations with this text, the one with the shortest service name: its id is the
    /// text's hash. A name without a slash, as nearly all are, cannot be cut shorter.
    package var isFirstOfItsText: Bool {
        let span = text.span
        for index in 0..<serviceBytes where span[index] == Self.slash && index > 0 && isCut(at: index) { return false }
        return true
    }

    /// Whether a type and a valid value follow the slash at this place.
    private func isCut(at slash: Int) -> Bool {
        let rest = text[(slash + 1)...]
        return Self.kinds.contains { kind in
            rest.starts(with: kind) && (1...Self.longestValue).contains(rest.count - kind.count)
        }
    }
}
