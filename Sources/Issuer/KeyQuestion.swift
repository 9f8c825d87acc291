// One question for keys, from the first page to the last: pure, so that what an issuer may answer is a table of tests.
//
//   description of the issuer ──its jwks_uri──► keys ──► a set
//               └───────────────────────────────┴──► a fault; the keys that there are stay

package import Authorization
package import HTTPClient
import JSON

/// Why a question has brought no keys.
package enum KeyQuestionFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// There was no answer; the client's reason.
    case unreachable(String)
    case status(Int)
    case malformedDescription
    /// The description is of another issuer, by its own word.
    case otherIssuer(String)
    case noKeysAddress
    case badKeysAddress(IssuerAddressError)
    /// The keys are at another host, by its name.
    case otherHost(String)
    case badKeys(KeySetError)

    /// The most characters of an answer that are shown.
    private static let shownCharacters = 128

    /// A sentence without a full stop, which is said of a page.
    package var description: String {
        switch self {
        case .unreachable(let reason): reason
        case .status(let status): "it answered \(status)"
        case .malformedDescription: "it is no JSON object as OpenID Connect Discovery has it"
        case .otherIssuer(let name):
            "it is the description of the issuer \(name.prefix(Self.shownCharacters).debugDescription), and not of JWT_ISSUER"
        case .noKeysAddress: "it has no jwks_uri"
        case .badKeysAddress(let error): "its jwks_uri cannot be asked: \(error)"
        case .otherHost(let host): "its jwks_uri is at another host (\(host)): name it in JWT_JWKS_URL if that is right"
        case .badKeys(let error): error.description
        }
    }
}

/// A question that is under way. A value.
package struct KeyQuestion: Sendable {
    /// What follows from an answer.
    package enum Step: Sendable, Equatable {
        case ask(HTTPURL)
        case keys(KeySet)
        case failed(KeyQuestionFault)
    }

    private let address: IssuerAddress
    /// What is being asked.
    package private(set) var url: HTTPURL

    package init(to address: IssuerAddress) {
        self.address = address
        url = address.first
    }

    /// Takes an answer.
    package mutating func take(status: Int, _ body: [UInt8]) -> Step {
        guard status == 200 else { return .failed(.status(status)) }
        do throws(KeyQuestionFault) {
            guard case .issuer(let name, let description) = address, url == description else {
                return .keys(try Self.keys(body))
            }
            url = try Self.keysURL(body, name, description)
            return .ask(url)
        } catch {
            return .failed(error)
        }
    }

    private static func keys(_ body: [UInt8]) throws(KeyQuestionFault) -> KeySet {
        do throws(KeySetError) {
            return try KeySet(body, allowsPEM: false)
        } catch {
            throw .badKeys(error)
        }
    }

    private static func keysURL(
        _ body: [UInt8], _ name: String, _ description: HTTPURL
    ) throws(KeyQuestionFault) -> HTTPURL {
        let (issuer, address) = try read(body)
        guard let issuer, issuer.utf8.elementsEqual(name.utf8) else { throw .otherIssuer(issuer ?? "") }
        guard let address else { throw .noKeysAddress }
        let url: HTTPURL
        do throws(IssuerAddressError) {
            url = try IssuerAddress.url(address)
        } catch {
            throw .badKeysAddress(error)
        }
        guard url.host == description.host else { throw .otherHost(url.host) }
        // What is asked next is told from what was asked by its URL.
        guard url != description else { throw .noKeysAddress }
        return url
    }

    /// The two members that count (section 3).
    private static func read(_ body: [UInt8]) throws(KeyQuestionFault) -> (issuer: String?, keys: String?) {
        var (issuer, keys): (String?, String?)
        do throws(JSONError) {
            var reader = JSONReader(body)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                let isText = try reader.peekType() == .string
                switch key {
                case "issuer" where isText && issuer == nil: issuer = try reader.readString()
                case "jwks_uri" where isText && keys == nil: keys = try reader.readString()
                case "issuer", "jwks_uri": throw JSONError(.duplicateKey, at: key.offset)
                default: try reader.skipValue()
                }
            }
            try reader.finish()
        } catch {
            throw .malformedDescription
        }
        return (issuer, keys)
    }
}
