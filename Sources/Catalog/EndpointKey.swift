// What an instance registered over REST is hashed to its id from. The contract of the original registry joins service, type and value by slashes, which
// the three may have themselves, so two registrations can have one text. Of those that share a text one keeps the original's id; the others are
// told apart. Which one is a function of the text alone, so every member says the same, whatever it holds.

/// The service, endpoint type and endpoint value of a registration, as they are hashed.
public struct EndpointKey: Sendable {
    /// Bytes of UTF-8 in a service's name.
    public static let longestServiceName = 64
    /// Bytes of UTF-8 in an endpoint's value.
    public static let longestValue = 128

    private static let slash = UInt8(ascii: "/")
    private static let kinds = Endpoint.Kind.allCases.map { Array($0.rawValue.utf8) + [slash] }

    /// `service/type/value`.
    public let text: [UInt8]
    private let serviceBytes: Int
    private let kindBytes: Int

    /// Neither name nor value is empty or longer than it may be.
    public init(serviceName: ArraySlice<UInt8>, kind: Endpoint.Kind, value: ArraySlice<UInt8>) {
        let kind = Self.kinds[kind.index]
        var text: [UInt8] = []
        text.reserveCapacity(serviceName.count + 1 + kind.count + value.count)
        text.append(contentsOf: serviceName)
        text.append(Self.slash)
        text.append(contentsOf: kind)
        text.append(contentsOf: value)
        self.text = text
        serviceBytes = serviceName.count
        kindBytes = kind.count - 1
    }

    public var serviceName: ArraySlice<UInt8> { text[..<serviceBytes] }
    public var kind: ArraySlice<UInt8> { text[(serviceBytes + 1)...].prefix(kindBytes) }
    public var value: ArraySlice<UInt8> { text[(serviceBytes + kindBytes + 2)...] }

    /// Whether this is, of all registrations with this text, the one with the shortest service name: its id is the text's hash. A name without a
    /// slash, as nearly all are, cannot be cut shorter.
    public var isFirstOfItsText: Bool {
        text[..<serviceBytes].indices.allSatisfy { text[$0] != Self.slash || $0 == 0 || !isCut(at: $0) }
    }

    /// Whether a type and a valid value follow the slash at this place.
    private func isCut(at slash: Int) -> Bool {
        let rest = text[(slash + 1)...]
        return Self.kinds.contains { kind in
            rest.starts(with: kind) && (1...Self.longestValue).contains(rest.count - kind.count)
        }
    }
}
