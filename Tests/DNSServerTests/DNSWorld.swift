// A registry and the answers that one loop would give, in which the test owns time.

import Authorization
import Catalog
import DNS
import Replication
import TestDNS
import TestTime
import Testing
import Text
import Time

@testable import Configuration
@testable import DNSServer
@testable import RegistryCore

final class DNSWorld {
    /// A member whose standing the test sets.
    private final class Member: Cluster {
        let hasCopy: Bool
        let isLargeEnough = true
        let clockCorrection: Int64 = 0
        let components: [ComponentHealth] = []
        let report: ClusterReport? = nil
        let standing = PublishedStanding()

        init(hasCopy: Bool, isBehind: Bool) {
            self.hasCopy = hasCopy
            standing.publish(
                ClusterStanding(waits: false, mayBeUnderWay: isBehind, behindSince: isBehind ? .zero : nil))
        }
    }

    let registry: RegistryState
    let configuration: DNSConfiguration
    let counts = DNSCounts()
    private let responder: DNSResponder
    var now: MonotonicTime = .zero
    static let namespace = Authorizer.defaultNamespace

    init(hasCopy: Bool = true, isBehind: Bool = false, _ change: (inout Settings) -> Void = { _ in }) throws {
        var settings = Settings.defaults
        change(&settings)
        registry = RegistryState(
            settings: settings, cluster: Member(hasCopy: hasCopy, isBehind: isBehind), loops: 1, monotonic: .zero)
        configuration = try #require(DNSConfiguration(settings, address: IPAddress("127.0.0.1")))
        responder = DNSResponder(
            registry, configuration, try Authorizer(AuthorizationConfiguration(settings)), counts, clock: { .zero })
    }

    func register(
        _ service: String, _ value: String, kind: Endpoint.Kind = .http, tags: [String] = [], metadata: String? = nil,
        status: InstanceStatus = .up, in namespace: Namespace = DNSWorld.namespace
    ) {
        let id = InstanceID.text(Name("\(service)/\(kind.rawValue)/\(value)"))
        let instance = Instance(
            id: id, serviceName: Name(service), endpoint: Endpoint(kind: kind, value: value), status: status,
            ttl: 30_000, tags: tags, metadata: metadata.map { Array($0.utf8) }, registered: 0)
        #expect(registry.register(instance, in: namespace, at: moment, by: nil))
    }

    func deregister(_ service: String, _ value: String, kind: Endpoint.Kind = .http) {
        let id = InstanceID.text(Name("\(service)/\(kind.rawValue)/\(value)"))
        #expect(registry.deregister(id, in: Self.namespace, at: moment, by: nil))
    }

    func renew(_ service: String, _ value: String, kind: Endpoint.Kind = .http) {
        let id = InstanceID.text(Name("\(service)/\(kind.rawValue)/\(value)"))
        #expect(registry.renew(id, in: Self.namespace, at: moment))
    }

    func override(service: String, _ order: OverrideOrder) {
        _ = registry.override(service: Name(service), in: Self.namespace, order, at: moment, by: nil)
    }

    private var moment: Moment { registry.moment(monotonic: now, wall: now.nanoseconds) }

    /// Moves time on, as the process does: the lease clock ticks.
    func advance(_ time: Duration) {
        let end = now + time
        while now < end {
            now = min(end, now + .milliseconds(50))
            registry.leaseClock.tick(monotonic: now)
        }
    }

    func stop() { responder.stop() }

    /// The bytes of an answer; empty where there is none.
    func bytes(_ message: [UInt8], by transport: DNSTransport = .udp, from client: String = "127.0.0.1") throws
        -> [UInt8]
    {
        var output: [UInt8] = [1, 2, 3]
        responder.answer(
            message.span, from: try #require(IPAddress(client)), by: transport, at: now, into: &output)
        return output
    }

    func ask(
        _ query: TestQuery, by transport: DNSTransport = .udp, from client: String = "127.0.0.1"
    ) throws -> ReadAnswer { try ReadAnswer(try bytes(query.bytes, by: transport, from: client)) }

    func ask(
        _ name: String, _ type: UInt16 = RecordType.a, size: Int? = nil, by transport: DNSTransport = .udp,
        from client: String = "127.0.0.1"
    ) throws -> ReadAnswer { try ask(TestQuery(name, type, size: size), by: transport, from: client) }

    /// The addresses that are answered, sorted.
    func addresses(_ name: String, _ type: UInt16 = RecordType.a, from client: String = "127.0.0.1") throws -> [String]
    {
        try ask(name, type, size: 8_192, from: client).answers.compactMap { record in
            IPAddress(octets: record.data)?.description
        }.sorted()
    }

    /// `target:port weight`, sorted.
    func targets(_ name: String, size: Int? = 8_192) throws -> [String] {
        try ask(name, RecordType.srv, size: size).answers.map { "\($0.target):\($0.port) \($0.weight)" }.sorted()
    }
}
