// Nobody is let in by a token that was not signed with the secret, and a token that was is judged by its header and
// claims alone.

import Catalog
import TLS
import Text

@testable import Authorization
@testable import Configuration

enum JWTProperty {
    private static let secret = Array("a secret that no seed was signed with".utf8)
    /// Seconds since 1970.
    private static let now: Int64 = 1_800_000_000

    static func violation(_ bytes: [UInt8]) -> String? {
        guard let scheme = try? JWTScheme(TokenTrust(secret: Secret(bytes: secret))) else { return "no scheme" }
        if case .recognised = scheme.judge(bytes[...], now: now) { return "an unsigned token is let in" }
        if case .success(let token) = BearerToken.parse(bytes[...]), case .recognised = scheme.judge(token, now: now) {
            return "an unsigned credential is let in"
        }
        if let decoded = Base64.url.decode(unpadded: bytes[...]) {
            guard encode(decoded) == bytes else { return "two texts decode to the same bytes" }
        }
        return signed(bytes, scheme)
    }

    /// The bytes as header and claims, with a line feed between them, rightly signed.
    private static func signed(_ bytes: [UInt8], _ scheme: JWTScheme) -> String? {
        let parts = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let header = Array(parts[0])
        let claims = Array(parts[1])
        let message = encode(header) + [UInt8(ascii: ".")] + encode(claims)
        guard let code = try? HMACSHA256(key: secret).code(for: message) else { return "no HMAC" }
        let verdict = scheme.judge((message + [UInt8(ascii: ".")] + encode(code))[...], now: now)
        let isGoodHeader = JWTHeader(header).map { $0.algorithm == .hs256 && !$0.hasCriticalExtensions } ?? false
        switch (verdict, JWTClaims.read(claims)) {
        case (.recognised(let principal, let window), .success(let read)):
            guard isGoodHeader else { return "a bad header is let in" }
            guard principal.namespace == Namespace(read.namespace), !read.namespace.isEmpty else {
                return "the namespace is not the claim's"
            }
            return window.contains(now) ? nil : "a token is let in out of its time"
        case (.recognised, .failure): return "bad claims are let in"
        case (.refused, .success(let read)):
            return isGoodHeader && read.window.contains(now) ? "a good token is refused" : nil
        case (.refused, .failure), (.notMine, _): return nil
        }
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        var bits: UInt32 = 0
        var pending: UInt32 = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            pending += 8
            while pending >= 6 {
                pending -= 6
                text.append(alphabet[Int(bits >> pending & 63)])
            }
        }
        if pending > 0 { text.append(alphabet[Int(bits << (6 - pending) & 63)]) }
        return text
    }
}
