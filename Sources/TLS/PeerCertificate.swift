// The identity of a cluster member in its certificate: the names that the authority has given it. Members dial one
// another by address, and an address may change hands; a name in a certificate does not.

import CTLS
import Glibc

/// The names in a peer's certificate.
package struct PeerCertificate: Sendable, Equatable {
    /// The subject's alternative names, each with its kind: `DNS:registry-1`, `IP:10.0.0.1`,
    /// `URI:spiffe://cluster/registry`. In order.
    package let names: [String]

    package init(names: [String]) { self.names = names }

    /// Whether the certificate carries a name, given without its kind. DNS names are compared without regard to case,
    /// as ASCII.
    package func carries(_ name: String) -> Bool {
        names.contains { text in
            guard let colon = text.firstIndex(of: ":") else { return false }
            let value = text[text.index(after: colon)...]
            return text.hasPrefix("DNS:") ? value.lowercased() == name.lowercased() : value == name
        }
    }

    init(_ certificate: OpaquePointer) {
        names = unsafe SubjectNames.read(certificate) { names, index in
            if let name = unsafe ctls_dns_name(names, index) {
                return unsafe SubjectNames.text(name).map { "DNS:\($0)" }
            }
            if let name = unsafe ctls_uri(names, index) { return unsafe SubjectNames.text(name).map { "URI:\($0)" } }
            if let name = unsafe ctls_address(names, index) {
                return unsafe SubjectNames.address(name).map { "IP:\($0)" }
            }
            return nil
        }
        ERR_clear_error()
    }
}

/// The reading of a certificate's alternative names.
enum SubjectNames {
    /// What `select` makes of each name.
    static func read(_ certificate: OpaquePointer, _ select: (OpaquePointer, Int32) -> String?) -> [String] {
        guard let value = unsafe X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
        let names = OpaquePointer(value)
        defer { unsafe ctls_free_names(names) }
        return unsafe (0..<ctls_name_count(names)).compactMap { unsafe select(names, $0) }
    }

    /// Nil when it is no UTF-8.
    static func text(_ name: UnsafePointer<ASN1_STRING>) -> String? {
        guard let bytes = unsafe ASN1_STRING_get0_data(name) else { return nil }
        return unsafe String(
            validating: UnsafeBufferPointer(start: bytes, count: Int(ASN1_STRING_length(name))), as: UTF8.self)
    }

    static func address(_ name: UnsafePointer<ASN1_STRING>) -> String? {
        let family: Int32
        switch unsafe ASN1_STRING_length(name) {
        case 4: family = AF_INET
        case 16: family = AF_INET6
        default: return nil
        }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard unsafe inet_ntop(family, ASN1_STRING_get0_data(name), &text, socklen_t(text.count)) != nil else {
            return nil
        }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
