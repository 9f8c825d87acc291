// A question to the registry as a value: what is in a path or a query is escaped here, and whatever a name has in it, it
// cannot become another path.

import HTTP
import HTTPClient
import JSON
import Text

/// One request, before it is known to which member it goes.
struct RegistryRequest: Sendable, Equatable {
    var method: HTTP.Method = .get
    /// The path, its segments not escaped: `["api", "v1", "instances"]`.
    var segments: [String]
    var query: [Parameter] = []
    var json: [UInt8]?
    /// States of a registry, where it is those that are sent.
    var states: [UInt8]?

    struct Parameter: Sendable, Equatable {
        let name: String
        let value: String
    }

    /// A page of the REST API.
    init(_ method: HTTP.Method = .get, api segments: String...) {
        self.method = method
        self.segments = ["api", "v1"] + segments
    }

    /// A page outside of it.
    init(page: String) { segments = [page] }

    /// With one more parameter, unless there is no value.
    func with(_ name: String, _ value: String?) -> RegistryRequest {
        guard let value else { return self }
        var request = self
        request.query.append(Parameter(name: name, value: value))
        return request
    }

    /// The path and query, escaped, without the first slash.
    var target: String {
        var bytes: [UInt8] = []
        for (index, segment) in segments.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: "/")) }
            bytes.append(percentEncoded: segment.utf8, allowing: .segment)
        }
        for (index, parameter) in query.enumerated() {
            bytes.append(UInt8(ascii: index == 0 ? "?" : "&"))
            bytes.append(percentEncoded: parameter.name.utf8, allowing: .unreserved)
            bytes.append(UInt8(ascii: "="))
            bytes.append(percentEncoded: parameter.value.utf8, allowing: .unreserved)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The request as it is sent to one member; nil when that is too long for a URL.
    func outgoing(to server: HTTPURL, token: String?, namespace: String?) -> OutgoingRequest? {
        guard let url = server.appending(path: with("namespace", namespace).target) else { return nil }
        var request = OutgoingRequest(method, url)
        if let token { request.fields.append(("Authorization", "Bearer \(token)")) }
        if let json {
            request.fields.append(("Content-Type", "application/json"))
            request.body = json
        }
        if let states {
            request.fields.append(("Content-Type", "application/octet-stream"))
            request.body = states
        }
        // To register twice what is registered once changes nothing (R203).
        request.isRepeatable = true
        return request
    }
}

// MARK: - What is asked

extension RegistryRequest {
    /// A filter on instances; nothing is "whatever it is".
    struct Filter: Sendable, Equatable {
        var service: String?
        var status: String?
        var tags: [String] = []
    }

    /// Instances of every status, unless the filter names one (R302).
    static func instances(_ filter: Filter, fields: String? = nil) -> RegistryRequest {
        filter.added(to: RegistryRequest(api: "instances")).with("fields", fields)
    }

    static func watch(_ filter: Filter) -> RegistryRequest { filter.added(to: RegistryRequest(api: "watch")) }

    static func heartbeat(_ id: String) -> RegistryRequest { RegistryRequest(.put, api: "instances", id, "heartbeat") }

    /// Many heartbeats in one (R261).
    static func heartbeats(_ ids: some Collection<String>) -> RegistryRequest {
        var request = RegistryRequest(.put, api: "heartbeats")
        var body: [UInt8] = []
        body.append(literal: "{\"ids\":[")
        for (index, id) in ids.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body.appendJSON(string: id)
        }
        body.append(literal: "]}")
        request.json = body
        return request
    }

    static func deregistration(of id: String) -> RegistryRequest { RegistryRequest(.delete, api: "instances", id) }

    /// What an operator's word is about.
    enum Subject: Sendable, Equatable {
        case instance(String)
        case service(String)

        fileprivate func request(_ method: HTTP.Method, _ page: String) -> RegistryRequest {
            switch self {
            case .instance(let id): RegistryRequest(method, api: "instances", id, page)
            case .service(let name): RegistryRequest(method, api: "services", name, page)
            }
        }
    }

    /// Sets another status, or takes it back where there is none.
    static func override(_ subject: Subject, status: String?, for time: String?) -> RegistryRequest {
        subject.request(status == nil ? .delete : .put, "status").with("value", status).with("for", time)
    }

    /// Takes it out of service, or back in.
    static func drain(_ subject: Subject, isSet: Bool, for time: String?) -> RegistryRequest {
        subject.request(isSet ? .put : .delete, "drain").with("for", time)
    }

    /// Takes the member that answers out of traffic, or back in.
    static func memberDrain(isSet: Bool) -> RegistryRequest {
        RegistryRequest(isSet ? .put : .delete, api: "cluster", "drain")
    }

    /// An operator's word on a store that was emptied.
    static func store(_ word: String) -> RegistryRequest { RegistryRequest(.post, api: "store", word) }

    /// States of another registry, for the store to have (R635).
    static func states(_ parcel: [UInt8]) -> RegistryRequest {
        var request = RegistryRequest(.put, api: "store", "states")
        request.states = parcel
        return request
    }
}

extension RegistryRequest.Filter {
    fileprivate func added(to request: RegistryRequest) -> RegistryRequest {
        request.with("service_name", service).with("status", status ?? "ALL")
            .with("tags", tags.isEmpty ? nil : tags.joined(separator: ","))
    }
}
