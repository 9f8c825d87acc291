// `AUTH_MODE=trusted`: a proxy in front has authenticated the client, and the token is the namespace.

import Catalog
import Configuration

enum TrustedScheme {
    /// Recognises every token: it must be asked last.
    static func judge(_ token: ArraySlice<UInt8>) -> Verdict {
        if let refusal = NamespaceRule.violation(token) { return .refused(refusal) }
        return .recognised(Principal(Namespace(String(decoding: token, as: UTF8.self)), by: .trusted), .always)
    }
}
