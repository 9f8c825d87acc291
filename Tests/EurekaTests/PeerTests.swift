// What servers of Netflix's are told (docs/eureka.md, E610–E612).

import Catalog
import JSON
import TestTime
import Testing
import Time

@testable import Eureka

private func instance(_ id: UInt64, _ service: String = "web") -> Instance {
    Instance(
        id: .digest(id), serviceName: Name(service), endpoint: Endpoint(kind: .http, value: "10.0.0.1:80"), status: .up,
        ttl: 30_000, tags: [], metadata: nil, registered: 1_767_225_600_000_000_000)
}

struct PeerTests {
    @Test func `news are gathered, each instance once, and the oldest go first`() {
        // E610
        let outbox = PeerOutbox()
        #expect(outbox.take(2, patience: 500, at: 1_000).isEmpty)
        outbox.note(.digest(1), .registered, at: 0)
        outbox.note(.digest(1), .renewed, at: 100)
        #expect(outbox.take(2, patience: 500, at: 499).isEmpty)
        let first = outbox.take(2, patience: 500, at: 500)
        #expect(first.map(\.id) == [.digest(1)] && first.first?.news == [.registered, .renewed])
        for number in 1...3 as ClosedRange<UInt64> { outbox.note(.digest(number), .renewed, at: 600) }
        // As many as a batch takes do not wait.
        #expect(outbox.take(2, patience: 500, at: 600).map(\.id) == [.digest(1), .digest(2)])
        #expect(outbox.take(2, patience: 500, at: 600).map(\.id) == [.digest(3)])
        #expect(outbox.counts.waiting == 0)
    }

    @Test func `what is put back is joined with what came since, and no more than the limit waits`() {
        // E612
        let outbox = PeerOutbox()
        outbox.note(.digest(1), .registered, at: 0)
        let taken = outbox.take(1, patience: 0, at: 0)
        outbox.note(.digest(1), .renewed, at: 1)
        outbox.putBack(taken, at: 2)
        #expect(outbox.take(1, patience: 0, at: 2).first?.news == [.registered, .renewed])
        for number in 0..<UInt64(PeerOutbox.limit + 5) { outbox.note(.digest(number), .renewed, at: 3) }
        #expect(outbox.counts == (PeerOutbox.limit, 5))
    }

    @Test func `a batch has what there is to tell, as a server of ours takes it`() throws {
        // E610, E611
        let entries = [
            PeerOutbox.Entry(id: .digest(1), news: [.registered, .renewed], gone: nil),
            PeerOutbox.Entry(id: .digest(2), news: .renewed, gone: nil),
            PeerOutbox.Entry(id: .digest(3), news: .renewed, gone: instance(3, "Gone")),
            PeerOutbox.Entry(id: .digest(4), news: .overridden, gone: nil),
            PeerOutbox.Entry(id: .digest(5), news: .renewed, gone: nil),
        ]
        let batch = PeerBatch(entries) { id in
            [.digest(1), .digest(2), .digest(4)].contains(id)
                ? LeasedInstance(instance: instance(id == .digest(1) ? 1 : id == .digest(2) ? 2 : 4), lastHeartbeat: 0)
                : nil
        }
        let read = try EurekaBatch(json: batch.body)
        #expect(read.elements.map(\.action) == [.register, .heartbeat, .cancel, .deleteStatusOverride])
        #expect(read.elements.map { String(decoding: $0.app, as: UTF8.self) } == ["WEB", "WEB", "GONE", "WEB"])
        #expect(read.elements[0].instance?[.hostName] == Array("10.0.0.1".utf8)[...])
        let answer = Array(
            #"{"responseList":[{"statusCode":404},{"statusCode":404,"responseEntity":null},{"statusCode":404},{"statusCode":200}]}"#
                .utf8)
        #expect(batch.verdict(status: 200, answer) == .taken(unknown: [.digest(2)]))
        #expect(batch.verdict(status: 200, Array("x".utf8)) == .taken(unknown: []))
        #expect(batch.verdict(status: 503, []) == .later && batch.verdict(status: 429, []) == .later)
        #expect(batch.verdict(status: 401, []) == .dropped(status: 401))
        #expect(PeerBatch([entries[4]]) { _ in nil }.isEmpty)
    }

    @Test func `a batch has at most 250 elements and what a body may have, and leaves the rest for the next`() throws {
        // E610
        let entries = (0..<300 as Range<UInt64>).map {
            PeerOutbox.Entry(id: .digest($0), news: [.registered, .overridden], gone: nil)
        }
        let batch = PeerBatch(entries) { _ in LeasedInstance(instance: instance(1), lastHeartbeat: 0) }
        #expect(try EurekaBatch(json: batch.body).elements.count == 250)
        #expect(batch.entries.map(\.id) == entries.prefix(125).map(\.id) && batch.rest.count == 175)
        let long = PeerBatch(entries) { _ in
            LeasedInstance(instance: instance(1, String(repeating: "x", count: 60_000)), lastHeartbeat: 0)
        }
        #expect(long.body.count <= PeerBatch.bodyLimit && long.body.count > PeerBatch.bodyLimit - 400_000)
        #expect(try EurekaBatch(json: long.body).elements.count == 2 * long.entries.count)
        #expect(long.entries.count + long.rest.count == 300)
        #expect(batch.verdict(status: 413, []) == .tooLong)
        // One that is too long by itself is sent alone, and dropped where it is not taken.
        let one = PeerBatch([entries[0], entries[1]]) { _ in
            LeasedInstance(instance: instance(1, String(repeating: "x", count: 2_000_000)), lastHeartbeat: 0)
        }
        #expect(one.entries.count == 1 && one.rest.count == 1 && one.verdict(status: 413, []) == .dropped(status: 413))
    }
}
