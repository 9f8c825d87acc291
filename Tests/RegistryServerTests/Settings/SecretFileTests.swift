// The one file of the settings that touches the disk.
import Foundation
import Testing

@testable import RegistryServer

struct SecretFileTests {
    private func withFile<R>(of bytes: [UInt8], _ body: (String) throws -> R) throws -> R {
        let file = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try body(file.path())
    }

    @Test(arguments: [0, 1, 4_096, 4_097, 65_536])
    func `a file is read whole`(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try withFile(of: bytes, SecretFile.read) == bytes)
    }

    @Test func `a file too large for a secret is refused`() throws {
        try withFile(of: [UInt8](repeating: 1, count: 65_537)) { path in
            let failure = #expect(throws: SecretFile.Failure.self) { try SecretFile.read(path) }
            #expect(failure?.description == "it has more than 65536 bytes")
        }
    }

    @Test(arguments: [("/no/such/file", "No such file or directory"), ("/", "Is a directory")])
    func `a file that cannot be read says why`(path: String, reason: String) {
        let failure = #expect(throws: SecretFile.Failure.self) { try SecretFile.read(path) }
        #expect(failure?.description == reason)
    }
}
