// A member is known to the others by one small file in a shared directory, of the original's form, so that both kinds
// of member see each other. The directory may be anybody's: a file is a member's only when name and content agree, and
// whatever else lies there is left alone.

import JSON
import Text

/// What a member's file says: `{"ip":"10.88.0.1","port":6100,"timestamp":"2026-11-23T00:04:31.770527017Z"}`.
package struct MemberFile: Sendable, Equatable {
    /// A larger file is no member's. The original writes some ninety bytes.
    package static let largest = 4_096

    /// Where the member's replication port is.
    package let address: PeerAddress
    /// Nanoseconds since 1970, by the writer's clock. Nothing is judged by it: only that it changes.
    package let timestamp: Int64

    package init(address: PeerAddress, timestamp: Int64) {
        self.address = address
        self.timestamp = timestamp
    }

    /// Nil when this is not the content of a member's file. Keys that are not known are passed over.
    package init?(_ content: [UInt8]) {
        guard content.count <= Self.largest, let file = try? Self.read(content) else { return nil }
        self = file
    }

    private static func read(_ content: [UInt8]) throws(JSONError) -> MemberFile? {
        var reader = JSONReader(content)
        var host: IPAddress?
        var port: UInt16?
        var timestamp: Int64?
        try reader.enterObject()
        while let key = try reader.nextKey() {
            switch key {
            case "ip":
                guard host == nil else { throw JSONError(.duplicateKey, at: key.offset) }
                host = IPAddress(try reader.readString())
            case "port":
                guard port == nil else { throw JSONError(.duplicateKey, at: key.offset) }
                guard case .natural(let number) = try reader.readNumber() else { return nil }
                port = UInt16(exactly: number)
            case "timestamp":
                guard timestamp == nil else { throw JSONError(.duplicateKey, at: key.offset) }
                timestamp = GoTime.parse(try reader.readText().utf8)
            default: try reader.skipValue()
            }
        }
        try reader.finish()
        guard let host, let port, port > 0, let timestamp else { return nil }
        return MemberFile(address: PeerAddress(host: host, port: port), timestamp: timestamp)
    }

    /// The content, as the original writes it, but always with nine digits behind the second: of one address each is as
    /// long as any other, so that one written over another leaves nothing of it.
    package var content: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(literal: #"{"ip":"#)
        bytes.appendJSON(string: address.host.description)
        bytes.append(literal: #","port":"#)
        bytes.appendJSON(UInt64(address.port))
        bytes.append(literal: #","timestamp":""#)
        GoTime.append(timestamp, fractionDigits: .nine, to: &bytes)
        bytes.append(literal: #""}"#)
        return bytes
    }

    /// The name of a member's file in the directory.
    package static func name(of address: PeerAddress) -> String { address.description }

    /// Whose file it is by its name; nil when it is no member's. An IPv6 address may stand without its brackets.
    package static func address(named name: String) -> PeerAddress? {
        if let address = PeerAddress(name) { return address }
        guard let colon = name.lastIndex(of: ":") else { return nil }
        return PeerAddress("[\(name[..<colon])]\(name[colon...])")
    }
}
