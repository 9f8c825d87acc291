// Who is an operator, in every mode, and who only comes near.

import Catalog
import HTTP
import TestRandom
import TestSupport
import Testing

@testable import Authorization
@testable import Configuration

struct OperatorTests {
    private static let tokens = [
        String(repeating: "o", count: 32), "Vn9b2pQ4s7Kx0ZrT6wYc1LmE8hUj3DfGaB5iNvOe",
        String(repeating: "~", count: 1_024),
    ]
    private static let certificateName = "spiffe://mesh/operator"
    /// Who is an operator acts in `default`, and is no tenant of it.
    private static let anOperator = Principal(Namespace("default"), by: nil, isOperator: true)

    private func authorizer(_ schemes: [AuthorizationConfiguration.Scheme]) throws -> Authorizer {
        try Authorizer(
            AuthorizationConfiguration(
                schemes: schemes,
                operators: OperatorCredentials(
                    tokens: Secret(
                        bytes: Array(Self.tokens[0].utf8), others: Self.tokens.dropFirst().map { Array($0.utf8) }),
                    certificateName: Self.certificateName)))
    }

    private func principal(_ authorizer: Authorizer, _ credential: String?, _ identity: ClientIdentity? = nil)
        -> Principal?
    {
        try? authorizer.authorize(
            credential: credential.map { Array($0.utf8)[...] }, identity: identity, now: Forge.now)
    }

    private static func modes() throws -> [[AuthorizationConfiguration.Scheme]] {
        [
            [], [.trusted], [try Forge.jwt()], [.mtls], [try Forge.jwt(), .trusted], [.mtls, .trusted],
            [.trusted, .mtls], [try Forge.jwt(), .mtls, .trusted],
        ]
    }

    @Test func `an operator's token is judged before every mode`() throws {
        // R520 An operator's credential is judged before AUTH_MODE and whatever it says.
        let tenant = ClientIdentity(uris: ["spiffe://mesh/ns/shop"], organizationalUnits: [])
        for schemes in try Self.modes() {
            let authorizer = try authorizer(schemes)
            for token in Self.tokens {
                for identity in [nil, tenant] {
                    for _ in 0..<2 {
                        #expect(principal(authorizer, "Bearer \(token)", identity) == Self.anOperator, "\(schemes)")
                    }
                }
            }
            #expect(authorizer.cache.count == 0, "no operator's token is kept")
        }
    }

    @Test func `a certificate with the operators' name is judged before every mode and every token`() throws {
        // R520 … or a client certificate with OPERATOR_CERT_NAME as a URI or DNS name among its alternative names or,
        // where it has no alternative name, as its subject's CN.
        let expected = Principal(
            Namespace("default"), by: .mtls, subject: Self.certificateName, isOperator: true)
        for schemes in try Self.modes() {
            let authorizer = try authorizer(schemes)
            for identity in [
                ClientIdentity(uris: [Self.certificateName], organizationalUnits: ["shop"]),
                ClientIdentity(uris: ["spiffe://mesh/ns/shop", Self.certificateName], organizationalUnits: []),
                ClientIdentity(uris: [], organizationalUnits: [], names: ["other", Self.certificateName]),
            ] {
                for credential in [nil, "Bearer shop", "nonsense"] {
                    #expect(principal(authorizer, credential, identity) == expected, "\(schemes)")
                }
            }
            for identity in [
                ClientIdentity(uris: [], organizationalUnits: [Self.certificateName]),
                ClientIdentity(uris: ["spiffe://mesh/operator/x"], organizationalUnits: [], names: ["spiffe"]),
                ClientIdentity(uris: ["SPIFFE://mesh/operator"], organizationalUnits: []),
            ] {
                #expect(principal(authorizer, nil, identity)?.isOperator != true, "\(identity)")
            }
        }
    }

    @Test func `what differs from an operator's token in one bit, or in length, makes no operator`() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SplitMix64(seed: seed)
        for schemes in try Self.modes() {
            let authorizer = try authorizer(schemes)
            func isOperator(_ bytes: [UInt8]) -> Bool {
                let credential = Array("Bearer ".utf8) + bytes
                return (try? authorizer.authorize(credential: credential[...], identity: nil, now: Forge.now))?
                    .isOperator
                    == true
            }
            for token in Self.tokens.map({ Array($0.utf8) }) {
                for index in token.indices where token.count < 100 || random.next() % 16 == 0 {
                    var other = token
                    other[index] ^= 1 << UInt8(random.next() % 8)
                    #expect(!isOperator(other), "seed \(seed)")
                }
                for other in [
                    Array(token.dropLast()), Array(token.dropFirst()), token + [0x6F], [0x20] + token, token + [0x20],
                    token + token, token.map { $0 ^ 0x20 }, token + [0], Array(token.reversed()) + [1],
                ] {
                    #expect(!isOperator(other), "\(other.count)")
                }
            }
            for text in ["Basic \(Self.tokens[0])", "BEARER \(Self.tokens[0])", Self.tokens[0], "Bearer", ""] {
                #expect(principal(authorizer, text)?.isOperator != true, "\(text)")
            }
        }
    }

    @Test func `a tenant's token is remembered and stays a tenant's`() throws {
        let authorizer = try authorizer([Forge.jwt(), .trusted])
        let token = Forge.token(claims: #"{"namespace":"shop"}"#)
        for _ in 0..<3 {
            #expect(principal(authorizer, "Bearer \(token)") == Principal(Namespace("shop"), by: .jwt))
            #expect(principal(authorizer, "Bearer \(Self.tokens[1])") == Self.anOperator)
            // As long as an operator's may be, and a namespace.
            let name = String(repeating: "n", count: 32)
            #expect(principal(authorizer, "Bearer \(name)") == Principal(Namespace(name), by: .trusted))
        }
        #expect(authorizer.cache.count == 2)
    }

    @Test func `without operators nobody is one`() throws {
        for schemes in try Self.modes() {
            let authorizer = try Authorizer(AuthorizationConfiguration(schemes: schemes))
            #expect(!authorizer.hasOperators)
            #expect(principal(authorizer, "Bearer \(Self.tokens[0])")?.isOperator != true)
            let identity = ClientIdentity(uris: [Self.certificateName], organizationalUnits: [])
            #expect(principal(authorizer, nil, identity)?.isOperator != true)
        }
    }

    @Test func `no token shows where its configuration is described`() throws {
        // R527 … No token of an operator is in any log, page or error.
        let token = Secret(bytes: Array(Self.tokens[1].utf8))
        let configuration = AuthorizationConfiguration(
            schemes: [], operators: OperatorCredentials(tokens: token, certificateName: nil))
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains(Self.tokens[1]) && !text.contains("86, 110, 57"), "\(text)")
        }
    }
}
