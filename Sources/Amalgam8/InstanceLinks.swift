// Absolute URLs of an instance, as the client that asks would write them: its scheme, its Host (R111–R113).

import Catalog
import JSON
import Serving
import Text

/// Makes the links of instances for one client.
struct InstanceLinks: Sendable {
    /// `http://host/api/v1/instances/`. Links are made of bytes: one goes with every registration, and as Strings they would be most of what it costs.
    let prefix: [UInt8]

    init(_ call: borrowing Call) {
        let base = call.context.forwarding.base(of: call.request, isFromProxy: call.isFromProxy)
        var prefix: [UInt8] = []
        prefix.reserveCapacity(base.utf8.count + Self.path.utf8CodeUnitCount)
        prefix.append(contentsOf: base.utf8)
        prefix.append(literal: Self.path)
        self.prefix = prefix
    }

    private static let path: StaticString = "/api/v1/instances/"
    private static let heartbeat: StaticString = "/heartbeat"
    /// More than an id of this API takes, with what is appended to it.
    private static let room = 32

    /// The instance's own URL.
    func location(of id: InstanceID) -> [UInt8] {
        var url: [UInt8] = []
        url.reserveCapacity(prefix.count + Self.room)
        url.append(contentsOf: prefix)
        Self.append(id, to: &url)
        return url
    }

    /// Appends `"links":{…}`.
    func append(_ id: InstanceID, to body: inout [UInt8]) { append(location(of: id), to: &body) }

    /// The same of an instance with this URL.
    func append(_ location: [UInt8], to body: inout [UInt8]) {
        body.append(literal: "\"links\":{\"self\":")
        body.appendJSON(string: location)
        body.append(literal: ",\"heartbeat\":")
        body.appendJSON(string: location)
        // Before the closing quote: what is appended needs no escape.
        body.removeLast()
        body.append(literal: Self.heartbeat)
        body.append(literal: "\"}")
    }

    /// Appends the id as a path segment. Ids of this API need no escape; those of other protocols may be any text.
    private static func append(_ id: InstanceID, to url: inout [UInt8]) {
        switch id {
        case .digest(let digest): url.append(hexadecimal: digest, digits: 16)
        case .text:
            for byte in id.utf8 {
                if ByteSet.name.contains(byte) || byte == UInt8(ascii: "~") || byte == UInt8(ascii: ":") {
                    url.append(byte)
                } else {
                    url.append(contentsOf: byte < 16 ? "%0".utf8 : "%".utf8)
                    url.append(contentsOf: String(byte, radix: 16, uppercase: true).utf8)
                }
            }
        }
    }
}
