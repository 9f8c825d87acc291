// Out of descriptors: accept(2) fails with EMFILE while the listening socket stays readable, which has made many a
// server spin.

import Foundation
import Testing

@Suite struct DescriptorTests {
    /// The connections to a store keep a reserve of 32.
    static let limit = TestStore.isUsed ? 80 : 40

    @Test
    func
        `out of descriptors, the accepted are served, the processor rests, and newcomers are served when there is room`()
        throws
    {
        let registry = try RunningRegistry(descriptors: Self.limit)
        let clients = try (0..<Self.limit + 20).map { _ in try registry.connect() }
        var accepted: [Client] = []
        for client in clients where try status(of: client) == 200 { accepted.append(client) }
        try #require(accepted.count >= 10, "only \(accepted.count) connections of \(clients.count) were accepted")
        #expect(accepted.count < Self.limit)
        #expect(try registry.descriptors <= Self.limit)

        let before = try registry.processorTime
        let start = Moment.now
        while Moment.now - start < 1 {
            for client in accepted { #expect(try client.ask("GET", "/livez").status == 200) }
            usleep(200_000)
        }
        let share = (try registry.processorTime - before) / (Moment.now - start)
        #expect(share < 0.5, "a listener that cannot accept takes \(share) of a processor")

        for client in accepted.prefix(5) { client.close() }
        let deadline = Moment.now + Patience.ordinary
        var newcomer: Int?
        while newcomer != 200, Moment.now < deadline { newcomer = try status(of: try registry.connect()) }
        #expect(newcomer == 200, "nobody was served although there was room again")
        for client in accepted.dropFirst(5) { #expect(try client.ask("GET", "/livez").status == 200) }
        registry.send(SIGTERM)
        #expect(try registry.waitForEnd("the end after SIGTERM") == 0)
    }

    /// Each finds another thing missing: the port's claim, the log's descriptor, an eventfd.
    @Test(arguments: 4...6)
    func `a start without descriptors says so in one sentence`(limit: Int) throws {
        let outcome = try RunningRegistry.outcome(["--api_port=0", "--listen_address=127.0.0.1"], descriptors: limit)
        #expect(outcome.status == 69)
        #expect(outcome.errors.hasPrefix("registry: cannot start: "), "\(outcome.errors)")
        #expect(outcome.errors.hasSuffix(": Too many open files\n"), "\(outcome.errors)")
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }

    /// What a connection is told: 200 when it was taken, 503 or nothing but its end when it was not.
    private func status(of client: Client) throws -> Int? {
        do {
            return try client.ask("GET", "/livez").status
        } catch Client.Failure.closed {
            return nil
        }
    }
}

extension RunningRegistry {
    /// How many descriptors it has of those below its limit. The limit is one of numbers: what it inherited above does
    /// not count.
    fileprivate var descriptors: Int {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count {
                Int($0).map { $0 < DescriptorTests.limit } == true
            }
        }
    }
}
