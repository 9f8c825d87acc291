// Where an issuer has its keys: at an address that the operator names, or one that the issuer's own description does
// (OpenID Connect Discovery 1.0, sections 4 and 3). Whoever answers in an issuer's place signs for every tenant, so both
// are asked over TLS, and neither leads to another host.

package import HTTPClient
import Text

/// Why an address is not asked.
package enum IssuerAddressError: Error, Sendable, Equatable, CustomStringConvertible {
    case url(HTTPURLError)
    case plain
    case credentials

    /// A sentence without a full stop.
    package var description: String {
        switch self {
        case .url(let error): error.description
        case .plain: "it must begin with https://; http:// is for loopback addresses and localhost"
        case .credentials: "it must have no user and password"
        }
    }
}

/// What is asked for keys.
package enum IssuerAddress: Sendable, Equatable {
    /// The page of the keys.
    case keys(HTTPURL)
    /// The issuer, by the text that stands in its tokens, and the page of its description.
    case issuer(String, description: HTTPURL)

    private static let wellKnown = "/.well-known/openid-configuration"

    package init(keys text: String) throws(IssuerAddressError) { self = .keys(try Self.url(text)) }

    package init(issuer text: String) throws(IssuerAddressError) {
        // A slash at its end is no part of the path, though it is one of the issuer.
        let base = text.hasSuffix("/") ? String(text.dropLast()) : text
        self = .issuer(text, description: try Self.url(base + Self.wellKnown))
    }

    /// What is asked first.
    var first: HTTPURL {
        switch self {
        case .keys(let url): url
        case .issuer(_, let description): description
        }
    }

    /// An address that may be asked.
    static func url(_ text: String) throws(IssuerAddressError) -> HTTPURL {
        let url: HTTPURL
        do throws(HTTPURLError) {
            url = try HTTPURL(text)
        } catch {
            throw .url(error)
        }
        guard url.userInfo == nil else { throw .credentials }
        guard url.isSecure || url.host == "localhost" || IPAddress(url.host)?.isLoopback == true else { throw .plain }
        return url
    }
}
