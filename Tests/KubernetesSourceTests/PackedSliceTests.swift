// What is kept of a slice is all that was read of it, and equal exactly when the slices are.

import Catalog
import TestRandom
import Testing

@testable import KubernetesSource

struct PackedSliceTests {
    private static func slice(_ random: inout SplitMix64) -> EndpointSlice {
        func text(_ longest: Int) -> String? {
            Int.random(in: 0...3, using: &random) == 0
                ? nil : String(repeating: "ä", count: Int.random(in: 0...longest, using: &random))
        }
        let ports = (0..<Int.random(in: 0...3, using: &random)).map { _ in
            EndpointSlice.Port(
                number: UInt16.random(in: 1...65_535, using: &random),
                kind: Endpoint.Kind.allCases.randomElement(using: &random) ?? .tcp)
        }
        let targets = (0..<Int.random(in: 0...200, using: &random)).map { number in
            EndpointSlice.Target(
                address: "10.0.0.\(number)",
                status: [.up, .starting, .outOfService].randomElement(using: &random) ?? .up,
                zone: text(3), node: text(100), host: text(40), pod: text(130))
        }
        return EndpointSlice(
            key: ObjectKey(namespace: "prod", name: "a"), service: text(63), ports: ports,
            targets: targets,
            unusable: Int.random(in: 0...100_000, using: &random))
    }

    @Test func `a slice is unpacked as it was`() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let slice = Self.slice(&random)
            let packed = PackedSlice(slice)
            let contents = packed.contents
            #expect(
                contents.ports == slice.ports && contents.targets == slice.targets && packed.service == slice.service
                    && packed.counts == (slice.instanceCount, slice.unusable), "seed \(seed)")
            #expect(packed == PackedSlice(slice) && packed != PackedSlice(Self.slice(&random)), "seed \(seed)")
        }
    }
}
