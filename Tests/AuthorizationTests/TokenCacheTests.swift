// What is remembered of tokens: never longer than they are valid, never more than the bounds.

import Catalog
import TestSupport
import Testing

@testable import Authorization

private func bytes(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

@Test func `a remembered token ends with its exp and leeway, to the second`() throws {
    let authorizer = try Forge.authorizer(Forge.jwt())
    let token = Forge.token(claims: #"{"namespace":"n","exp":1767225600}"#)
    #expect(authorizer.authorize(token: token, now: Forge.now) == .namespace(Namespace("n")))
    #expect(authorizer.authorize(token: token, now: Forge.now + 59) == .namespace(Namespace("n")))
    #expect(authorizer.cache.count == 1)
    #expect(authorizer.authorize(token: token, now: Forge.now + 60) == .refused(.expired))
    #expect(authorizer.cache.count == 0)
    // Not extended by a clock that went ahead and came back.
    #expect(authorizer.authorize(token: token, now: Forge.now + 59) == .namespace(Namespace("n")))
}

@Test func `a remembered token is not valid before its nbf when the clock steps back`() throws {
    let authorizer = try Forge.authorizer(Forge.jwt())
    let token = Forge.token(claims: #"{"namespace":"n","nbf":1767225600}"#)
    #expect(authorizer.authorize(token: token, now: Forge.now) == .namespace(Namespace("n")))
    #expect(authorizer.authorize(token: token, now: Forge.now - 60) == .namespace(Namespace("n")))
    #expect(authorizer.authorize(token: token, now: Forge.now - 61) == .refused(.notYetValid))
}

@Test func `only the very token that was remembered is found`() {
    var cache = TokenCache()
    cache.insert(bytes("token"), Principal(Namespace("n"), by: .trusted), .always)
    #expect(cache.principal(of: bytes("token"), now: 0)?.namespace == Namespace("n"))
    for other in ["toke", "tokens", "Token", "", "tokem"] {
        #expect(cache.principal(of: bytes(other), now: 0)?.namespace == nil)
    }
}

@Test func `memory is bounded by the count of tokens, and a token in use stays`() {
    var cache = TokenCache(maximumCount: 100, maximumBytes: 1 << 20)
    cache.insert(bytes("in use"), Principal(Namespace("kept"), by: .trusted), .always)
    for index in 0..<10_000 {
        cache.insert(bytes("passing \(index)"), Principal(Namespace("n"), by: .trusted), .always)
        #expect(cache.count <= 100)
        if index % 40 == 0 {
            #expect(cache.principal(of: bytes("in use"), now: 0)?.namespace == Namespace("kept"), "after \(index)")
        }
    }
    #expect(cache.principal(of: bytes("passing 0"), now: 0)?.namespace == nil)
    #expect(cache.principal(of: bytes("passing 9999"), now: 0)?.namespace == Namespace("n"))
}

@Test func `memory is bounded by the bytes of tokens`() {
    var cache = TokenCache(maximumCount: 10_000, maximumBytes: 4 * Authorizer.maximumTokenLength)
    for index in 0..<100 {
        let token = Array("\(index) ".utf8) + [UInt8](repeating: 0x78, count: Authorizer.maximumTokenLength - 10)
        cache.insert(token[...], Principal(Namespace("n"), by: .trusted), .always)
        #expect(cache.count <= 4)
    }
}

@Test func `a token is remembered with the namespace it had`() {
    var cache = TokenCache(maximumCount: 64, maximumBytes: 1 << 20)
    var hits = 0
    for step in 0..<5_000 {
        // Squares modulo 211 come back at irregular distances, near and far.
        let number = step * step % 211
        if let namespace = cache.principal(of: bytes("token \(number)"), now: 0)?.namespace {
            #expect(namespace == Namespace("\(number)"))
            hits += 1
        } else {
            cache.insert(bytes("token \(number)"), Principal(Namespace("\(number)"), by: .trusted), .always)
        }
    }
    #expect(hits > 500)
}
