// Whatever is sent to the port of DNS, the answer is one that a strict client reads: to this message, with its question,
// and no longer than this client takes; and nothing is answered only where there is no header, or an answer.

import Authorization
import Catalog
import DNS
import Replication
import Synchronization
import TestDNS
import Text
import Time

@testable import Configuration
@testable import DNSServer
@testable import RegistryCore

enum DNSProperty {
    /// A registry with services of every kind of name, as one loop answers from it. Its time stands still.
    private final class World {
        let responder: DNSResponder

        init?() {
            var settings = Settings.defaults
            settings.dnsNamespaces = DNSNamespaces("t=tenant,hidden=other@192.0.2.0/24")
            settings.dnsRateLimit = 1
            let registry = RegistryState(
                settings: settings, cluster: StandaloneCluster(), loops: 1, monotonic: .zero)
            for (service, value, kind) in [
                ("web", "10.0.0.1:80", Endpoint.Kind.http), ("web", "[fd00::1]:80", .tcp), ("web", "10.0.0.2:53", .udp),
                ("api.shop", "10.0.0.3:80", .http), ("WEB2", "db.example.com:80", .tcp), ("a b", "10.0.0.4:80", .tcp),
            ] + (0..<300).map({ ("long", "10.1.\($0 / 250).\($0 % 250):80", .http) }) {
                for namespace in [Authorizer.defaultNamespace, Namespace("tenant")] {
                    let instance = Instance(
                        id: .text(Name("\(service)/\(value)")), serviceName: Name(service),
                        endpoint: Endpoint(kind: kind, value: value), status: .up, ttl: 30_000, tags: ["v1", "V2"],
                        metadata: nil, registered: 0)
                    _ = registry.register(
                        instance, in: namespace, at: registry.moment(monotonic: .zero, wall: 0), by: nil)
                }
            }
            guard let configuration = DNSConfiguration(settings, address: IPAddress("127.0.0.1")),
                let authorizer = try? Authorizer(AuthorizationConfiguration(settings))
            else { return nil }
            responder = DNSResponder(registry, configuration, authorizer, DNSCounts(), clock: { .zero })
        }

        func answer(_ message: [UInt8], from client: IPAddress, by transport: DNSTransport) -> [UInt8] {
            var output: [UInt8] = [1, 2, 3]
            responder.answer(message.span, from: client, by: transport, at: .zero, into: &output)
            return output
        }
    }

    /// One for all, so that what is kept of earlier messages is in it.
    private static let world = Mutex(World())

    static func violation(_ bytes: [UInt8]) -> String? {
        world.withLock { world in world.map { violation(bytes, $0) } ?? "no world" }
    }

    private static func violation(_ bytes: [UInt8], _ world: World) -> String? {
        guard let client = IPAddress("10.9.9.9"), let stranger = IPAddress("11.0.0.1") else { return "no address" }
        for transport in DNSTransport.allCases {
            // The second time it is answered from what is kept.
            for _ in 0..<2 {
                let answer = world.answer(bytes, from: client, by: transport)
                if let violation = violation(answer, to: bytes, transport) { return "by \(transport): \(violation)" }
            }
            let refused = world.answer(bytes, from: stranger, by: transport)
            if refused.count > 12 + 512 { return "a stranger is answered \(refused.count) bytes" }
            if refused.count > 3, refused[3] & 0xF == 0 { return "a stranger is answered" }
        }
        return nil
    }

    private static func violation(_ answer: [UInt8], to message: [UInt8], _ transport: DNSTransport) -> String? {
        let isSilent = message.count < 12 || message[2] & 0x80 != 0
        guard !isSilent else { return answer.isEmpty ? nil : "what is no query is answered" }
        guard answer.count >= 12 else { return "a query is not answered" }
        guard answer.count <= (transport == .udp ? 8_192 : 65_535) else {
            return "it is answered \(answer.count) bytes"
        }
        guard answer[..<2] == message[..<2], answer[2] & 0x80 != 0 else { return "it is no answer to this message" }
        do {
            let read = try ReadAnswer(answer)
            guard [0, 1, 2, 3, 4, 5, 16].contains(read.code) else { return "an unknown code \(read.code)" }
            guard read.question.isEmpty || message[12...].starts(with: read.question) else {
                return "the question is another one"
            }
            guard !read.question.isEmpty || read.code == 1 || read.code == 4 else { return "no question" }
            guard read.edns != nil || transport == .tcp || answer.count <= 512 else {
                return "\(answer.count) bytes without EDNS"
            }
            return read.answers.isEmpty || read.code == 0 ? nil : "an error with answers"
        } catch let error as Malformed { return "it cannot be read: \(error.reason)" } catch { return "\(error)" }
    }
}
