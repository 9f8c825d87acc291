// Absolute URLs of an instance, as the client that asks would write them: its scheme, its Host (R111–R113).

import Catalog
import JSON
import Serving
import Text

/// Makes the links of instances for one client.
struct InstanceLinks: Sendable {
    /// `http://host/api/v1/instances/`.
    let prefix: String

    init(_ call: borrowing Call) {
        prefix = call.context.forwarding.base(of: call.request, isFromProxy: call.isFromProxy) + "/api/v1/instances/"
    }

    /// The instance's own URL.
    func location(of id: InstanceID) -> String { prefix + Self.escaped(id) }

    /// Appends `"links":{…}`.
    func append(_ id: InstanceID, to body: inout [UInt8]) {
        let location = location(of: id)
        body.append(literal: "\"links\":{\"self\":")
        body.appendJSON(string: location)
        body.append(literal: ",\"heartbeat\":")
        body.appendJSON(string: location + "/heartbeat")
        body.append(literal: "}")
    }

    /// The id as a path segment. Ids of this API need no escape; those of other protocols may be any text.
    private static func escaped(_ id: InstanceID) -> String {
        guard case .text = id else { return id.description }
        var segment = ""
        for byte in id.utf8 {
            if ByteSet.name.contains(byte) || byte == UInt8(ascii: "~") || byte == UInt8(ascii: ":") {
                segment.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                segment += byte < 16 ? "%0\(String(byte, radix: 16, uppercase: true))" : "%\(String(byte, radix: 16, uppercase: true))"
            }
        }
        return segment
    }
}
