// Comparing secrets and drawing random bytes.

import TLS
import Testing

@Test(
    arguments: [
        ([], [], true), ([1], [1], true), ([1, 2, 3], [1, 2, 3], true), ([1, 2, 3], [1, 2, 4], false),
        ([1], [1, 2], false),
        ([], [0], false),
    ] as [([UInt8], [UInt8], Bool)])
func `the constant-time comparison compares`(left: [UInt8], right: [UInt8], expected: Bool) {
    #expect(constantTimeEqual(left, right) == expected)
    #expect(constantTimeEqual(right, left) == expected)
}

@Test(arguments: [0, 1, 7, 8, 9, 16, 33])
func `random bytes come in the count asked for and all of them vary`(count: Int) {
    let draws = (0..<64).map { _ in randomBytes(count) }
    #expect(draws.allSatisfy { $0.count == count })
    // A byte that is the same in 64 draws by chance: once in 2^504.
    for index in 0..<count { #expect(Set(draws.map { $0[index] }).count > 1, "byte \(index)") }
}
