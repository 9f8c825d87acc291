// A secret prints as asterisks wherever it is interpolated, dumped or reflected, so that no log line, error or debugger
// view can give it away by accident. Only code that asks for `bytes` sees it.

/// Bytes that must not be shown. Need not be UTF-8; never empty when it comes from the settings.
package struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What is shown instead of any secret.
    package static let mask = "***"

    /// What this process signs or proves with.
    package let bytes: [UInt8]
    /// The other values that are accepted from others: the secrets that are being changed from, or to.
    package let others: [[UInt8]]

    package init(bytes: [UInt8], others: [[UInt8]] = []) {
        self.bytes = bytes
        self.others = others
    }

    /// All that are accepted, its own first.
    package var all: [[UInt8]] { [bytes] + others }

    package var description: String { Self.mask }
    package var debugDescription: String { Self.mask }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
