// Out of descriptors: accept(2) fails with EMFILE while the listening socket stays readable, which has made many a server spin.

import Foundation
import Testing

@Suite struct DescriptorTests {
    static let limit = 40

    @Test func `out of descriptors, the accepted are served, the processor rests, and the others are told or closed`() throws {
        let registry = try RunningRegistry(descriptors: Self.limit)
        let clients = try (0..<4 * Self.limit).map { _ in try registry.connect() }
        for client in clients { try client.send("GET", "/livez") }
        // R823: half of so few descriptors may be connections.
        let statuses = clients.map { try? $0.receive("an answer or a close").status }
        #expect(Set(statuses).isSubset(of: [200, 503, nil]))
        #expect(statuses.contains(503))
        let accepted = zip(clients, statuses).filter { $0.1 == 200 }.map(\.0)
        #expect(accepted.count == Self.limit / 2)
        #expect(try registry.descriptors <= Self.limit)

        let before = try registry.processorTime
        let start = Moment.now
        while Moment.now - start < 1 {
            for client in accepted { #expect(try client.ask("GET", "/livez").status == 200) }
            usleep(200_000)
        }
        let share = (try registry.processorTime - before) / (Moment.now - start)
        #expect(share < 0.5, "a listener that cannot accept takes \(share) of a processor")

        for client in clients { client.close() }
        var status: Int?
        let deadline = Moment.now + 10
        while status != 200, Moment.now < deadline { status = try? registry.connect().ask("GET", "/livez").status }
        #expect(status == 200, "there is room and nobody is let in")
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
    }
}

extension RunningRegistry {
    /// How many descriptors it has of those below its limit. The limit is one of numbers: what it inherited above does not count.
    fileprivate var descriptors: Int {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count {
                Int($0).map { $0 < DescriptorTests.limit } == true
            }
        }
    }
}
