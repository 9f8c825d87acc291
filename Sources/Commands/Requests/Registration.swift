// What `registry register` registers, checked as far as the registry's answer would come too late or be hard to read: it
// judges all the rest itself.

import Configuration
import HTTP
import JSON

/// An instance as it is registered.
struct Registration: Sendable, Equatable {
    /// What an endpoint may be (R208).
    enum EndpointType: String, CaseIterable, Sendable { case tcp, udp, http, https, user }

    var service: String
    var endpoint: String
    var type = EndpointType.tcp
    /// In whole seconds; nil for the registry's.
    var ttl: Int64?
    var status: String?
    var tags: [String] = []
    /// A JSON value, as it is sent.
    var metadata: [UInt8]?

    /// Whole seconds from a span such as `30s` or `1m30s`; nil when it is none, or none that is at least a second.
    static func seconds(_ text: String) -> Int64? {
        guard let span = GoDuration(parsing: text), span.nanoseconds >= 1_000_000_000 else { return nil }
        return span.nanoseconds / 1_000_000_000
    }

    /// Whether it is one JSON value (R217).
    static func isJSON(_ text: String) -> Bool { (try? JSONTree(Array(text.utf8))) != nil }

    var request: RegistryRequest {
        var request = RegistryRequest(.post, api: "instances")
        var body: [UInt8] = []
        body.append(literal: "{\"service_name\":")
        body.appendJSON(string: service)
        body.append(literal: ",\"endpoint\":{\"type\":")
        body.appendJSON(string: type.rawValue)
        body.append(literal: ",\"value\":")
        body.appendJSON(string: endpoint)
        body.append(literal: "}")
        if let ttl {
            body.append(literal: ",\"ttl\":")
            body.appendJSON(ttl)
        }
        if let status {
            body.append(literal: ",\"status\":")
            body.appendJSON(string: status)
        }
        if !tags.isEmpty {
            body.append(literal: ",\"tags\":[")
            for (index, tag) in tags.enumerated() {
                if index > 0 { body.append(UInt8(ascii: ",")) }
                body.appendJSON(string: tag)
            }
            body.append(literal: "]")
        }
        if let metadata {
            body.append(literal: ",\"metadata\":")
            body += metadata
        }
        body.append(literal: "}")
        request.json = body
        return request
    }

    /// What the registry has granted.
    struct Grant: Sendable, Equatable {
        let id: String
        let ttl: Duration

        /// Nil when this is no answer to a registration.
        init?(_ answer: [UInt8]) {
            guard let tree = try? JSONTree(answer), let id = tree["id"].string, let ttl = tree["ttl"].integer,
                ttl >= 0
            else { return nil }
            self.init(id: id, ttl: .seconds(ttl))
        }

        init(id: String, ttl: Duration) {
            self.id = id
            self.ttl = ttl
        }
    }
}
