// The lines of the event log, and what it does when it is too slow.

import Catalog
import Foundation
import Telemetry
import TestCatalog
import TestSupport
import Testing
import Time

@testable import Configuration
@testable import RegistryServer
@testable import Serving

struct EventLogTests {
    private static let tenant = Namespace("tenant")

    /// The lines that the log writes of what `act` does to a member's store.
    private static func lines(
        _ mode: EventLogMode, bytes: Int = 1 << 20, isAlone: Bool = false, counts: EventCounts = EventCounts(),
        _ act: (Store) -> Void
    ) throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appending(path: "events-\(UUID().uuidString)")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let handle = try FileHandle(forWritingTo: file)
        let pipe = try LogPipe(descriptor: handle.fileDescriptor, capacity: 64 << 20) { _ in [] }
        let member = isAlone ? nil : MemberID(bits: 1)
        let store = Store(
            namespaceCapacity: nil, replicating: member,
            changes: ChangeLogLimits(bytes: bytes, isFollowed: mode != .off))
        let log = EventLog(mode: mode, member: member, pipe: pipe, format: .text, counts: counts)
        act(store)
        var unread: UnreadChanges
        repeat {
            unread = store.followChanges(limit: 4_096)
            log.write(unread, at: 0)
        } while unread.hasMore
        #expect(pipe.close(within: 10_000))
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private static func instance(_ value: String) -> Instance {
        Instance(
            id: .digest(0xAB), serviceName: Name("web"), endpoint: Endpoint(kind: .http, value: value), status: .up,
            ttl: 30_000, tags: [],
            metadata: nil, registered: 0)
    }

    private static func moment(_ milliseconds: Int64) -> Moment {
        Moment(
            monotonic: MonotonicTime(milliseconds: milliseconds), lease: LeaseTime(milliseconds: milliseconds),
            wall: milliseconds * 1_000_000)
    }

    @Test func `each change is a line with who asked for it`() throws {
        let lines = try Self.lines(.local, isAlone: true) { store in
            let actor = Actor(address: "10.0.0.9", principal: "spiffe://x/ns/a")
            _ = store.apply(.register(Self.instance("10.0.0.1:80")), in: Self.tenant, at: Self.moment(1_000), by: actor)
            _ = store.renew(.digest(0xAB), in: Self.tenant, at: Self.moment(2_000))
            _ = store.expire(at: Self.moment(40_000), budget: 10)
        }
        #expect(
            lines == [
                #"1970-01-01T00:00:01.000000Z level=info msg="registered" logger=events namespace=tenant service=web id=00000000000000ab "#
                    + #"endpoint=http://10.0.0.1:80 status=UP index=1000000 client=10.0.0.9 principal=spiffe://x/ns/a"#,
                #"1970-01-01T00:00:40.000000Z level=info msg="expired" logger=events namespace=tenant service=web id=00000000000000ab "#
                    + #"endpoint=http://10.0.0.1:80 was=UP index=40000000"#,
            ])
    }

    @Test(arguments: [(.local, 2), (.all, 3), (.off, 0)] as [(EventLogMode, Int)])
    func `what other members took is logged when it is asked for`(_ mode: EventLogMode, _ count: Int) throws {
        let lines = try Self.lines(mode) { store in
            let version = Version(time: HybridTime(bits: 1 << 20), origin: MemberID(bits: 2))
            let told = Replica.present(Self.instance("a"), version, Heartbeat(age: 0, wall: 1))
            _ = store.merge(Replicated(namespace: Self.tenant, replica: told), at: Self.moment(1_000))
            _ = store.apply(.register(Self.instance("b")), in: Self.tenant, at: Self.moment(2_000))
            _ = store.expire(at: Self.moment(40_000), budget: 10)
        }
        #expect(lines.count == count, "\(lines)")
        #expect(lines.filter { $0.contains("member=0000000000000002") }.count == (mode == .all ? 1 : 0))
    }

    @Test func `what a client makes up cannot forge a line`() throws {
        let lines = try Self.lines(.local) { store in
            _ = store.apply(
                .register(Self.instance("a\nlevel=error msg=\"x\"")), in: Self.tenant, at: Self.moment(1_000))
        }
        #expect(lines.count == 1 && lines[0].contains(#"endpoint="http://a\nlevel=error msg=\"x\"""#), "\(lines)")
    }

    @Test func `changes that come faster than they are written are counted, in one line and in the metric`() throws {
        let counts = EventCounts()
        let many = 30_000
        let lines = try Self.lines(.local, counts: counts) { store in
            for number in 0..<many {
                _ = store.apply(.register(Self.instance("\(number)")), in: Self.tenant, at: Self.moment(Int64(number)))
            }
        }
        #expect(
            counts.missed > 10_000 && lines.count - 1 + Int(counts.missed) == many, "\(counts.missed), \(lines.count)")
        let warnings = lines.filter { $0.contains("level=warn") }
        #expect(
            warnings.count == 1 && warnings.first?.contains("logger=events dropped=\(counts.missed)") == true,
            "\(warnings)")
    }
}
