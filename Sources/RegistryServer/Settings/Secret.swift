// A secret prints as asterisks wherever it is interpolated, dumped or reflected, so that no log line, error or debugger
// view can give it away by accident. Only code that asks for `bytes` sees it.

/// Bytes that must not be shown. Need not be UTF-8; never empty when it comes from the settings.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What is shown instead of any secret.
    public static let mask = "***"

    /// What this process signs or proves with.
    public let bytes: [UInt8]
    /// What is accepted from others beside it: the secrets that are being changed from, or to.
    public let others: [[UInt8]]

    public init(bytes: [UInt8], others: [[UInt8]] = []) {
        self.bytes = bytes
        self.others = others
    }

    /// All that are accepted, its own first.
    public var all: [[UInt8]] { [bytes] + others }

    public var description: String { Self.mask }
    public var debugDescription: String { Self.mask }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
