// `AUTH_MODE=trusted`: a proxy in front has checked who calls, and its token is simply the namespace. What is left to do is to keep
// out names that would spoil a log line or a catalog.

import Catalog

enum TrustedScheme {
    /// In bytes.
    static let maximumNamespaceLength = 256

    /// Recognises every token: it must be asked last.
    static func judge(_ token: ArraySlice<UInt8>) -> Verdict {
        guard token.count <= maximumNamespaceLength else { return .refused(.namespaceTooLong) }
        guard let name = String(validating: token, as: UTF8.self) else { return .refused(.namespaceNotUTF8) }
        guard !name.unicodeScalars.contains(where: isControl) else { return .refused(.namespaceHasControlCharacters) }
        return .recognised(Namespace(name), .always)
    }

    /// The general category Cc: C0, DEL and C1.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }
}
