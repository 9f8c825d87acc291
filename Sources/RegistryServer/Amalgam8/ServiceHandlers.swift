// Which services there are, and who is in one (docs/rest-api.md, R4xx).

import Catalog
import HTTP
import JSON

enum ServiceHandlers {
    static func list(_ call: Call) throws(Refused) -> Response {
        let names = call.context.store.serviceNames(in: try call.tenant(), at: call.moment.lease)
        var body: [UInt8] = []
        body.append(literal: "{\"services\":[")
        for (index, name) in names.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body.appendJSON(string: name.text)
        }
        body.append(literal: "]}")
        return Response(.ok, contentType: .json, body: body)
    }

    static func get(_ call: Call) throws(Refused) -> Response {
        // A decoded segment is UTF-8, so nothing is repaired here.
        let name = Name(String(decoding: call.path[Call.parameterIndex], as: UTF8.self))
        let instances = call.context.store.instances(of: name, in: try call.tenant(), at: call.moment.lease)
        guard !instances.isEmpty else { throw .noSuchService }
        var body: [UInt8] = []
        body.append(literal: "{\"service_name\":")
        body.appendJSON(string: name.text)
        body.append(literal: ",\"instances\":")
        InstanceRendering(fields: .all, links: nil).append(instances, to: &body)
        body.append(literal: "}")
        return Response(.ok, contentType: .json, body: body)
    }
}
