// Public keys of the real binary: a file of them stops the start when it is bad, and is followed while it runs.

import Foundation
import Glibc
import Testing

import struct TestSupport.SigningKey

@Suite struct TokenKeyTests {
    private static let usage: Int32 = 64

    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func write(_ text: String) throws -> String {
        let file = folder.appending(path: "keys")
        try Data(text.utf8).write(to: file, options: .atomic)
        return file.path()
    }

    @Test(arguments: [
        ("<html></html>", "it is neither PEM nor a JSON Web Key Set"),
        (SigningKey.set(SigningKey.weakRSA.jwk()), "it is an RSA key of 1024 bits, and less than 2048 can be broken"),
        (#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#, "key 1 is of the type oct"),
        (SigningKey.rsa.privateText, "key 1 cannot be used: it is a private key"),
        (String(repeating: " ", count: 1 << 20) + "x", "it has more than 1048576 bytes"),
    ])
    func `a bad file stops the start with a sentence, and is a problem of the check`(text: String, reason: String)
        throws
    {
        // J204 At the start a file that is refused stops the start with status 64
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = try write(text)
        let arguments = ["--api_port=0", "--listen_address=127.0.0.1", "--auth_mode=jwt", "--jwt_keys=\(path)"]
        for check in [[], ["--check_config"]] {
            let outcome = try RunningRegistry.outcome(arguments + check)
            #expect(outcome.status == Self.usage)
            #expect(outcome.errors.contains("jwt_keys") && outcome.errors.contains("\(path) cannot be used"))
            #expect(outcome.errors.contains(reason), "\(outcome.errors)")
            #expect(!outcome.errors.contains("c2VjcmV0"))
        }
    }

    @Test func `a file is followed, and a bad one changes nothing`() throws {
        // J206 The file is read again when it has changed … J109 … and the secrets and keys stay as they are
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = try write(SigningKey.p256.publicText + "\n" + SigningKey.rsa.publicText)
        let registry = try RunningRegistry(["--auth_mode=jwt", "--jwt_keys=\(path)", "--log_level=info", "--loops=2"])
        let clients = try (0..<8).map { _ in try registry.connect() }
        let old = SigningKey.p256.token(header: #"{"alg":"ES256"}"#)
        let new = SigningKey.otherP256.token(header: #"{"alg":"ES256","kid":"n"}"#)
        func statuses(_ token: String) throws -> Set<Int> {
            Set(
                try clients.map {
                    try $0.ask("GET", "/api/v1/services", headers: ["Authorization: Bearer \(token)"]).status
                })
        }
        #expect(try statuses(old) == [200])
        #expect(try statuses(new) == [401])

        _ = try write("{}")
        registry.send(SIGHUP)
        let lines = try registry.log(whenALine: "that the keys are bad") { $0.contains("the new keys cannot be used") }
        #expect(lines.contains { $0.contains("has no array keys") }, "\(lines)")
        #expect(try statuses(old) == [200])

        _ = try write(SigningKey.set(SigningKey.otherP256.jwk(#""kid":"n""#)))
        _ = try registry.log(whenALine: "of new keys") { $0.contains("keys reloaded") }
        try Patience.wait("the refusal of a token whose key is gone") { try statuses(old) == [401] }
        #expect(try statuses(new) == [200])
    }
}
