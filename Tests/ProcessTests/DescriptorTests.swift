// Out of descriptors: accept(2) fails with EMFILE while the listening socket stays readable, which has made many a server spin.

import Foundation
import Testing

@Suite struct DescriptorTests {
    static let limit = 40

    @Test func `out of descriptors, the accepted are served, the processor rests, and the waiting are served when there is room`() throws {
        let registry = try RunningRegistry(descriptors: Self.limit)
        let room = Self.limit - (try registry.descriptors)
        try #require(10..<Self.limit ~= room)
        let clients = try (0..<Self.limit + 20).map { _ in try registry.connect() }
        for client in clients { try client.send("GET", "/livez") }
        // The kernel hands connections over in the order in which they came.
        let accepted = clients.prefix(room)
        for client in accepted { #expect(try client.receive("the answer to one of the first \(room) connections").status == 200) }
        #expect(try registry.descriptors == Self.limit)

        let before = try registry.processorTime
        let start = Moment.now
        while Moment.now - start < 1 {
            for client in accepted { #expect(try client.ask("GET", "/livez").status == 200) }
            usleep(200_000)
        }
        let share = (try registry.processorTime - before) / (Moment.now - start)
        #expect(share < 0.5, "a listener that cannot accept takes \(share) of a processor")

        let waiting = Array(clients.dropFirst(accepted.count).prefix(5))
        for client in waiting { #expect(!client.hasNews) }
        for client in accepted.prefix(waiting.count) { client.close() }
        for client in waiting { #expect(try client.receive("an answer once there is room").status == 200) }
        for client in accepted.dropFirst(waiting.count) { #expect(try client.ask("GET", "/livez").status == 200) }
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
