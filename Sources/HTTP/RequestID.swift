// Every response carries an identity of its request. A caller's own is honoured when it is harmless to log and to echo; else one is made up.

/// The identity of a request: 1 to 64 visible ASCII characters.
public struct RequestID: Sendable, Equatable {
    /// The longest identity taken from a caller, in bytes.
    public static let maximumLength = 64

    private let text: String

    /// An empty identity: not sent.
    public init() { text = "" }

    /// A made-up identity: fifteen hexadecimal digits of a random number, the longest text that Swift keeps without an allocation.
    public init(random: UInt64) {
        text = String(unsafeUninitializedCapacity: 15) { buffer in
            for index in 0..<15 {
                let digit = UInt8(truncatingIfNeeded: random >> UInt64(60 - 4 * index)) & 0xF
                buffer.initializeElement(at: index, to: digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
            }
            return 15
        }
    }

    /// A caller's identity, or nil when it is empty, too long or has characters that do not belong into a log line.
    public init?(_ field: ArraySlice<UInt8>) {
        guard !field.isEmpty, field.count <= Self.maximumLength, field.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        text = String(decoding: field, as: UTF8.self)
    }

    public var isEmpty: Bool { text.isEmpty }

    /// The identity as it goes into headers and logs.
    public var value: String { text }
}
