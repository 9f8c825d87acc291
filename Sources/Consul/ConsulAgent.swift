// What Consul's clients ask of the agent itself, some of them without a credential: which datacenter this is, and
// whether there is a leader. Nothing here tells of a tenant, nor of other members: the address is the one that the
// client has reached.

import Configuration
import HTTP
import JSON
import Serving

/// The pages about the agent.
struct ConsulAgent: Sendable {
    let datacenter: String
    let member: String

    /// Nothing is at this path. Clients in Python look for the index first.
    static var nothing: Response {
        var response = ErrorFormat.consul.response(to: Refusal(.notFound, "this registry does not answer this path"))
        response.fields.append(.consulIndex, 1)
        return response
    }

    /// `/v1/agent/self`.
    func itself(_ call: borrowing Call) throws(Refused) -> Reply {
        let (host, _) = try address(call)
        var body: [UInt8] = []
        body.append(literal: "{\"Config\":{\"Datacenter\":")
        body.appendJSON(string: datacenter)
        body.append(literal: ",\"NodeName\":")
        body.appendJSON(string: member)
        body.append(literal: ",\"NodeID\":\"\",\"Revision\":\"\",\"Server\":true,\"Version\":")
        body.appendJSON(string: Release.current)
        body.append(literal: "},\"Member\":{\"Name\":")
        body.appendJSON(string: member)
        body.append(literal: ",\"Addr\":")
        body.appendJSON(string: host)
        body.append(literal: "}}")
        return .now(response(body))
    }

    /// `/v1/status/leader`: whoever is asked.
    func leader(_ call: borrowing Call) throws(Refused) -> Reply {
        var body: [UInt8] = []
        body.appendJSON(string: try address(call).all)
        return .now(response(body))
    }

    /// `/v1/status/peers`.
    func peers(_ call: borrowing Call) throws(Refused) -> Reply {
        var body = [UInt8(ascii: "[")]
        body.appendJSON(string: try address(call).all)
        body.append(UInt8(ascii: "]"))
        return .now(response(body))
    }

    /// `/v1/catalog/datacenters`.
    func datacenters(_ call: borrowing Call) throws(Refused) -> Reply {
        try check(call)
        var body = [UInt8(ascii: "[")]
        body.appendJSON(string: datacenter)
        body.append(UInt8(ascii: "]"))
        return .now(response(body))
    }

    private func response(_ body: [UInt8]) -> Response {
        var response = Response(.ok, contentType: .json, body: body)
        response.fields = .consul(1)
        return response
    }

    private func check(_ call: borrowing Call) throws(Refused) {
        _ = try ConsulQuery(call.request.head.query, datacenter: datacenter)
    }

    /// Where the client has reached this registry: the host, and the host with its port.
    private func address(_ call: borrowing Call) throws(Refused) -> (host: String, all: String) {
        try check(call)
        let authority = call.request.authority
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            return (String(authority[..<colon]), authority)
        }
        return (authority, "\(authority):\(call.request.isSecure ? 443 : 80)")
    }
}
