// What may be a namespace, whichever scheme names it: names that would spoil a log line or a catalog are kept out in
// this one place.

package enum NamespaceRule {
    /// In bytes of UTF-8.
    static let maximumLength = 256

    /// Why the bytes name no namespace; nil when they do.
    static func violation(_ name: some Collection<UInt8>) -> AuthorizationRefusal? {
        guard !name.isEmpty, name.contains(where: { $0 != UInt8(ascii: " ") }) else { return .namespaceBlank }
        guard name.count <= maximumLength else { return .namespaceTooLong }
        guard let text = String(validating: name, as: UTF8.self) else { return .namespaceNotUTF8 }
        return text.unicodeScalars.contains(where: isControl) ? .namespaceHasControlCharacters : nil
    }

    /// Whether a credential could name this namespace.
    package static func allows(_ name: String) -> Bool { violation(Array(name.utf8)) == nil }

    /// The general category Cc: C0, DEL and C1.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }
}
