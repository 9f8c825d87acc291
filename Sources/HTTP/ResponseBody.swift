// What a response carries: bytes of its own, or fragments that it shares with other responses. What many clients ask
// for is rendered once, and then handed to each of them without being copied.

public import Synchronization

/// Bytes that any number of responses may have in common. They never change.
public final class Fragment: Sendable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public var count: Int { bytes.count }
}

/// Fragments that make a body, one behind the other.
public final class FragmentChain: Sendable {
    public let fragments: [Fragment]
    /// The bytes of all fragments.
    public let count: Int
    /// How many answers that are being written have it as their body; the transport's to count.
    public let loans = Atomic<Int>(0)

    public init(_ fragments: [Fragment]) {
        self.fragments = fragments
        count = fragments.reduce(0) { $0 + $1.count }
    }

    /// All bytes in one array: that of a sole fragment, or a copy.
    public var joined: [UInt8] {
        if fragments.count == 1 { return fragments[0].bytes }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for fragment in fragments { bytes += fragment.bytes }
        return bytes
    }
}

/// The body of a response.
public enum ResponseBody: Sendable {
    /// The response's own.
    case bytes([UInt8])
    case shared(FragmentChain)

    /// In bytes.
    public var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .shared(let chain): chain.count
        }
    }

    public var isEmpty: Bool { count == 0 }

    /// Whether it waits for a client already, so that another costs no memory.
    public var isLent: Bool {
        switch self {
        case .bytes: false
        case .shared(let chain): chain.loans.load(ordering: .relaxed) > 0
        }
    }

    /// Appends a copy of all bytes.
    package func append(to bytes: inout [UInt8]) {
        switch self {
        case .bytes(let own): bytes += own
        case .shared(let chain): for fragment in chain.fragments { bytes += fragment.bytes }
        }
    }

    /// All bytes in one array, a copy where they are in several fragments.
    public var joined: [UInt8] {
        switch self {
        case .bytes(let bytes): bytes
        case .shared(let chain): chain.joined
        }
    }
}
