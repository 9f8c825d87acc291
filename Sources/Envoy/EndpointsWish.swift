// What an Envoy asks for. Its request is 77 kB, nearly all of which lists the extensions that it was built with, so
// what is not needed is passed over.

import HTTP
import JSON
import Serving

/// The body of a request for endpoints.
struct EndpointsWish {
    /// How many clusters may be asked for at once. Envoy asks for one.
    static let mostNames = 100
    private static let type = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

    /// What the client has; nil when it has nothing yet.
    private(set) var version: [UInt8]?
    /// Those asked for, each once. Not empty.
    private(set) var clusters: [EnvoyCluster] = []

    init(_ body: [UInt8], _ extensions: ExtensionMemory) throws(Refused) {
        var names: [[UInt8]]?
        var type: JSONText?
        var version: JSONText?
        do throws(JSONError) {
            var reader = JSONReader(body)
            try reader.enterObject()
            while let key = try reader.nextKey() {
                // The second spelling is what protobuf's JSON has by default; Envoy sends the first.
                switch key {
                case "node": try Self.skipNode(&reader, extensions)
                case "version_info", "versionInfo": try Self.read(&version, key, &reader)
                case "type_url", "typeUrl": try Self.read(&type, key, &reader)
                case "resource_names", "resourceNames":
                    guard names == nil else { throw JSONError(.duplicateKey, at: key.offset) }
                    names = try Self.readNames(&reader)
                default: try reader.skipValue()
                }
            }
            try reader.finish()
        } catch { throw .invalid(error.sentence) }
        if let type, type.writtenLength > 0, type.string != Self.type {
            throw .invalid("type_url must be \(Self.type) here")
        }
        guard let names, !names.isEmpty, names.count <= Self.mostNames else {
            throw .invalid(
                "resource_names must name the clusters whose endpoints are asked for, 1 to \(Self.mostNames) of them")
        }
        var seen: Set<[UInt8]> = []
        for name in names where seen.insert(name).inserted { clusters.append(try EnvoyCluster(name)) }
        if let version, version.writtenLength > 0 { self.version = version.utf8 }
    }

    /// The names, so that no two wishes for different clusters have the same.
    var key: [UInt8] {
        var key: [UInt8] = []
        for cluster in clusters { key.appendJSON(string: cluster.name) }
        return key
    }

    /// Reads a string that may be null, and comes once.
    private static func read(_ text: inout JSONText?, _ key: JSONText, _ reader: inout JSONReader) throws(JSONError) {
        guard text == nil else { throw JSONError(.duplicateKey, at: key.offset) }
        if try !reader.skipNull() { text = try reader.readText() }
    }

    private static func readNames(_ reader: inout JSONReader) throws(JSONError) -> [[UInt8]] {
        var names: [[UInt8]] = []
        guard try !reader.skipNull() else { return names }
        try reader.enterArray()
        while try reader.nextElement() {
            let name = try reader.readText()
            // One more than may be, to be refused.
            if names.count <= mostNames { names.append(name.utf8) }
        }
        return names
    }

    private static func skipNode(_ reader: inout JSONReader, _ extensions: ExtensionMemory) throws(JSONError) {
        guard try reader.peekType() == .object else { return try reader.skipValue() }
        try reader.enterObject()
        while let key = try reader.nextKey() {
            if key == "extensions" { try extensions.skip(&reader) } else { try reader.skipValue() }
        }
    }
}
