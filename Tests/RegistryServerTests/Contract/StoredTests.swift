// Which tests of the contract do not hold, or mean nothing, for a registry whose store is Redis, and why. All others run over
// one too (`Transport.stored`).

import Testing

@testable import RegistryServer

struct StoredTests {
    /// By the words of the test's name.
    static let exceptions: [(test: String, reason: String)] = []

    /// Whether the test that runs is one of these.
    static var isExcepted: Bool {
        guard let name = Test.current?.name else { return false }
        return exceptions.contains { name.contains($0.test) }
    }
}
