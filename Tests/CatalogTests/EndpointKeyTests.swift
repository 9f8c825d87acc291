// Registrations that share a text (docs/rest-api.md, R202).

import TestRandom
import Testing

@testable import Catalog

struct EndpointKeyTests {
    private static func isFirst(_ service: String, _ kind: Endpoint.Kind, _ value: String) -> Bool {
        EndpointKey(serviceName: Array(service.utf8)[...], kind: kind, value: Array(value.utf8)[...]).isFirstOfItsText
    }

    @Test(
        arguments: [
            ("a", .tcp, "tcp/b", true), ("a/tcp", .tcp, "b", false),
            // Types inside of either name, of the same and of other lengths.
            ("a", .tcp, "udp/b", true), ("a/tcp", .udp, "b", false), ("a", .http, "https/b", true),
            ("a/http", .https, "b", false),
            ("a/https", .http, "b", false), ("a", .user, "tcp/udp/http/b", true), ("a/user", .tcp, "udp/http/b", false),
            ("a/user/tcp", .udp, "http/b", false), ("a/user/tcp/udp", .http, "b", false),
            // Slashes that cut nothing.
            ("web", .http, "10.0.0.1:80", true), ("a/b", .tcp, "c", true), ("a/b/c", .http, "d", true),
            ("a/", .tcp, "b", true),
            ("/", .tcp, "b", true), ("/tcp", .tcp, "b", true), ("//tcp", .tcp, "b", false), ("a//", .tcp, "b", true),
            ("a/tcpx", .tcp, "b", true), ("a/TCP", .tcp, "b", true), ("a/xtcp", .tcp, "b", true),
            ("tcp", .tcp, "tcp", true),
            ("tcp/tcp", .tcp, "b", false), ("a/tcp/", .udp, "b", false), ("a/tcp/x", .udp, "b", false),
            ("x/a/tcp", .tcp, "b", false),
            ("a", .http, "http://b/c", true), ("a/http", .http, "//b", false), ("a/https", .https, "/", false),
            ("é/tcp", .tcp, "b", false),
        ] as [(String, Endpoint.Kind, String, Bool)])
    func `of all cuts of a text, the one with the shortest service name is the first`(
        _ service: String, _ kind: Endpoint.Kind, _ value: String, _ isFirst: Bool
    ) {
        #expect(Self.isFirst(service, kind, value) == isFirst)
    }

    @Test func `a cut whose value would be too long is none`() {
        let longest = EndpointKey.longestValue
        #expect(!Self.isFirst("a/tcp", .tcp, String(repeating: "v", count: longest - 4)))
        #expect(Self.isFirst("a/tcp", .tcp, String(repeating: "v", count: longest - 3)))
        // The first slash cuts off too much, the second does not.
        #expect(
            !Self.isFirst("a/tcp/\(String(repeating: "x", count: 48))/udp", .tcp, String(repeating: "v", count: 120)))
    }

    @Test func `a key knows its parts`() {
        let key = EndpointKey(serviceName: Array("a/tcp".utf8)[...], kind: .https, value: Array("é/x".utf8)[...])
        #expect(
            String(decoding: key.serviceName, as: UTF8.self) == "a/tcp"
                && String(decoding: key.kind, as: UTF8.self) == "https")
        #expect(
            String(decoding: key.value, as: UTF8.self) == "é/x"
                && String(decoding: key.text, as: UTF8.self) == "a/tcp/https/é/x")
    }

    @Test(arguments: 0..<20)
    func `of all registrations that share a text exactly one is the first`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let parts = ["a", "tcp", "udp", "http", "https", "user", "", "é"]
        for _ in 0..<200 {
            let text = (0..<Int.random(in: 3...9, using: &random)).map { _ in parts.randomElement(using: &random) ?? ""
            }
            let pieces = text
            var cuts: [(String, Endpoint.Kind, String)] = []
            for index in pieces.indices {
                guard let kind = Endpoint.Kind(rawValue: pieces[index]) else { continue }
                let (service, value) = (
                    pieces[..<index].joined(separator: "/"), pieces[(index + 1)...].joined(separator: "/")
                )
                if !service.isEmpty, !value.isEmpty, index > 0, index + 1 < pieces.count {
                    cuts.append((service, kind, value))
                }
            }
            let firsts = cuts.filter { Self.isFirst($0.0, $0.1, $0.2) }
            #expect(firsts.count == min(1, cuts.count), "seed \(seed), \(text)")
            #expect(firsts.first?.0 == cuts.map(\.0).min { $0.utf8.count < $1.utf8.count }, "seed \(seed), \(text)")
        }
    }
}
