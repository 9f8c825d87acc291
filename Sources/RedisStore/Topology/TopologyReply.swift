// Sentinels and nodes of a cluster describe others in flat arrays of names and values. What is read of them is read
// here, so that a reply of another shape is nothing, and never a trap.

import RESP

/// Reads parts of replies about where servers are.
enum TopologyReply {
    static func text(_ value: RESPValue) -> String? {
        switch value {
        case .status(let text): text
        case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
        default: nil
        }
    }

    /// A port that somebody can listen on, as a number or in digits.
    static func port(_ value: RESPValue) -> UInt16? {
        let port: UInt16? =
            switch value {
            case .integer(let number): UInt16(exactly: number)
            default: text(value).flatMap { UInt16($0) }
            }
        return port == 0 ? nil : port
    }

    /// An array of names and values, by name; nil for anything else. What is not text is left out.
    static func fields(_ value: RESPValue) -> [String: String]? {
        guard case .array(let values) = value, values.count.isMultiple(of: 2) else { return nil }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: values.count, by: 2) {
            guard let name = text(values[index]) else { return nil }
            fields[name] = text(values[index + 1])
        }
        return fields
    }

    /// The server that fields describe by `ip` and `port`.
    static func node(_ fields: [String: String]) -> StoreNode? {
        guard let host = fields["ip"], !host.isEmpty, let port = fields["port"].flatMap({ UInt16($0) }), port > 0 else {
            return nil
        }
        return StoreNode(host: host, port: port)
    }
}
