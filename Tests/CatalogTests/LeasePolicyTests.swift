import Testing

@testable import Catalog

struct LeasePolicyTests {
    private static let policy = LeasePolicy(standard: 30_000, minimum: 10_000, maximum: 600_000)

    @Test(
        arguments: [
            (0, 30_000), (1, 10_000), (9, 10_000), (10, 10_000), (11, 11_000), (30, 30_000), (599, 599_000),
            (600, 600_000), (601, 600_000),
            (UInt32.max, 600_000),
        ] as [(UInt32, Int64)])
    func `a wish is fitted between the bounds`(seconds: UInt32, milliseconds: Int64) {
        #expect(Self.policy.ttl(requestedSeconds: seconds) == milliseconds)
    }

    @Test func `the longest wish of all fits when the operator allows it`() {
        let policy = LeasePolicy(standard: 1, minimum: 1, maximum: .max)
        #expect(policy.ttl(requestedSeconds: .max) == 4_294_967_295_000)
    }

    @Test func `bounds need not be whole seconds`() {
        let policy = LeasePolicy(standard: 500, minimum: 1_500, maximum: 2_500)
        #expect([1, 2, 3].map { policy.ttl(requestedSeconds: $0) } == [1_500, 2_000, 2_500])
    }
}
