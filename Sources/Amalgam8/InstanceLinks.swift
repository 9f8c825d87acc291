// Absolute URLs of an instance, as the client that asks would write them: its scheme, its Host (R111–R113).

import Catalog
import JSON
import Serving
import Text

/// Makes the links of instances for one client.
struct InstanceLinks: Sendable {
    /// `http://host/api/v1/instances/`. Links are made of bytes: one goes with every registration, and as Strings they
    /// would be most of what it costs.
    let prefix: [UInt8]

    init(_ call: borrowing Call) {
        prefix = Self.prefix(call)
    }

    private static func prefix(_ call: borrowing Call) -> [UInt8] {
        var prefix: [UInt8] = []
        prefix.reserveCapacity(typicalLength)
        call.context.forwarding.appendBase(of: call.request, isFromProxy: call.isFromProxy, to: &prefix)
        prefix.append(literal: Self.path)
        return prefix
    }

    private static let path: StaticString = "/api/v1/instances/"
    private static let heartbeat: StaticString = "/heartbeat"
    /// More than an id of this API takes.
    private static let room = 32
    /// What most URLs of instances are no longer than, in bytes.
    private static let typicalLength = 112
    /// What the links of an instance take besides two of its URLs, in bytes.
    static let frameLength = 48

    /// The instance's own URL.
    func location(of id: InstanceID) -> [UInt8] {
        var url: [UInt8] = []
        url.reserveCapacity(prefix.count + Self.room)
        url.append(contentsOf: prefix)
        Self.append(id, to: &url)
        return url
    }

    /// The same for an answer that has one link only.
    static func location(of id: InstanceID, _ call: borrowing Call) -> [UInt8] {
        var url = prefix(call)
        append(id, to: &url)
        return url
    }

    /// Appends `"links":{…}`.
    func append(_ id: InstanceID, to body: inout [UInt8]) {
        let location = location(of: id)
        body.append(addingCapacity: 2 * location.count + Self.frameLength) { Self.append(location, to: &$0) }
    }

    /// The same of an instance with this URL, of which no byte needs an escape.
    static func append(_ location: [UInt8], to output: inout OutputSpan<UInt8>) {
        assert(location.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
        output.append(literal: "\"links\":{\"self\":\"")
        output.append(location.span)
        output.append(literal: "\",\"heartbeat\":\"")
        output.append(location.span)
        output.append(literal: Self.heartbeat)
        output.append(literal: "\"}")
    }

    /// Appends the id as a path segment. Ids of this API need no escape; those of other protocols may be any text.
    private static func append(_ id: InstanceID, to url: inout [UInt8]) {
        switch id {
        case .digest(let digest): url.append(addingCapacity: 16) { $0.append(hexadecimal: digest) }
        case .text: url.append(percentEncoded: id.utf8, allowing: .segment)
        }
    }
}
