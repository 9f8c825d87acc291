// Every response carries an identity of its request. A caller's own is honoured when it is harmless to log and to echo;
// else one is made up.

import Text

/// The identity of a request: 1 to 64 visible ASCII characters.
public struct RequestID: Sendable, Equatable {
    /// The longest identity taken from a caller, in bytes.
    static let maximumLength = 64

    private let text: String

    /// An empty identity: not sent.
    public init() { text = "" }

    /// A made-up identity: fifteen hexadecimal digits of a random number, the longest text that Swift keeps without an
    /// allocation.
    public init(random: UInt64) {
        text = unsafe String(unsafeUninitializedCapacity: 15) { buffer in
            for index in 0..<15 {
                unsafe buffer.initializeElement(at: index, to: UInt8(hexDigitOf: random >> UInt64(60 - 4 * index)))
            }
            return 15
        }
    }

    /// A caller's identity, or nil when it is empty, too long or has characters that do not belong into a log line.
    public init?(_ field: ArraySlice<UInt8>) {
        guard !field.isEmpty, field.count <= Self.maximumLength, field.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return nil
        }
        text = String(decoding: field, as: UTF8.self)
    }

    public var isEmpty: Bool { text.isEmpty }

    /// The identity as it goes into headers and logs.
    public var value: String { text }
}

/// Makes identities up. They must be distinct, not secret: one look at the system's randomness at the start is enough,
/// where asking for each would be a system call a request. SplitMix64: Steele, Lea and Flood, "Fast Splittable
/// Pseudorandom Number Generators", 2014.
public struct RequestIDs: Sendable {
    private var state: UInt64

    public init(seed: UInt64 = .random(in: 0 ... .max)) {
        state = seed
    }

    /// Another identity.
    public mutating func next() -> RequestID {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return RequestID(random: mixed ^ (mixed >> 31))
    }
}
