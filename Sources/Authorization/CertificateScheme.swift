// `AUTH_MODE=mtls`: the transport has verified the client certificate, which names the namespace. A SPIFFE identity
// comes first, in the form that service meshes give it (`spiffe://DOMAIN/ns/NAME/sa/ACCOUNT`); a certificate without
// one may use its subject's OU.

import Catalog
import Configuration
import HTTP
import Text

enum CertificateScheme {
    private static let scheme: StaticString = "spiffe://"
    private static let marker: StaticString = "ns"

    /// Judges a connection's certificate. One that names nothing is passed on: it may be for the connection only, while
    /// a token names the namespace.
    static func judge(_ identity: ClientIdentity?) -> Verdict {
        guard let identity else { return .notMine }
        var names: [[UInt8]] = []
        var subject: String?
        for uri in identity.uris {
            switch namespace(in: Array(uri.utf8)[...]) {
            case .absent: continue
            case .malformed: return .refused(.malformedCertifiedNamespace)
            case .name(let name):
                names.append(name)
                subject = subject ?? uri
            }
        }
        if names.isEmpty { names = identity.organizationalUnits.map { Array($0.utf8) } }
        guard let name = names.first else { return .notMine }
        guard names.allSatisfy({ $0 == name }) else { return .refused(.ambiguousCertificate) }
        guard NamespaceRule.violation(name) == nil else { return .refused(.malformedCertifiedNamespace) }
        return .recognised(
            Principal(Namespace(String(decoding: name, as: UTF8.self)), by: .mtls, subject: subject), .always)
    }

    private enum Found {
        case absent, malformed
        case name([UInt8])
    }

    /// What follows the first path segment `ns` of a SPIFFE URI.
    private static func namespace(in uri: ArraySlice<UInt8>) -> Found {
        guard uri.prefix(scheme.utf8CodeUnitCount).equalsIgnoringCase(scheme) else { return .absent }
        let segments = uri.dropFirst(scheme.utf8CodeUnitCount).split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        // The first is the trust domain.
        guard let position = segments.dropFirst().firstIndex(where: { $0.equals(marker) }) else { return .absent }
        guard position + 1 < segments.count else { return .malformed }
        let name = segments[position + 1]
        // A SPIFFE path has no escapes (SPIFFE-ID, section 2.2), so a name means itself or nothing.
        return !name.isEmpty && name.allSatisfy(ByteSet.name.contains) ? .name(Array(name)) : .malformed
    }
}
