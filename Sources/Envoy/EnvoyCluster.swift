// The name of a cluster says which instances are its endpoints: those of a service, perhaps with tags.

import Catalog
import HTTP
import RegistryCore
import Serving
import Text

/// A cluster that is asked for.
struct EnvoyCluster: Sendable {
    /// Bytes that a name may have.
    static let longestName = 4_096

    /// As it was asked for: Envoy refuses an answer in which it is written otherwise.
    let name: [UInt8]
    let service: Name
    /// Nil where any instance of the service will do.
    let tags: TagFilter?

    /// Reads `SERVICE` or `SERVICE?tags=a,b`, in which `%3F` and `%25` stand for a question mark and a percent sign.
    ///
    /// - Parameter name: UTF-8.
    init(_ name: [UInt8]) throws(Refused) {
        guard name.count <= Self.longestName else {
            throw .invalid("a name in resource_names may have at most \(Self.longestName) bytes")
        }
        self.name = name
        let mark = name.firstIndex(of: UInt8(ascii: "?"))
        service = Name(try Self.decoded(name[..<(mark ?? name.endIndex)]))
        guard let mark else {
            tags = nil
            return
        }
        let parameters: [QueryParameter]
        do throws(Refusal) { parameters = try QueryParameter.parse(name[(mark + 1)...]) } catch {
            throw .malformed(error)
        }
        guard let parameter = parameters.first, parameters.count == 1, parameter.name == "tags" else {
            throw .invalid("a name in resource_names is SERVICE or SERVICE?tags=a,b; in SERVICE a question mark is %3F")
        }
        tags = TagFilter(parameter.value)
    }

    private static func decoded(_ bytes: ArraySlice<UInt8>) throws(Refused) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = rest.popFirst()?.hexadecimalValue, let low = rest.popFirst()?.hexadecimalValue else {
                throw .invalid(
                    "in a name in resource_names two hexadecimal digits follow a percent sign, which itself is %25")
            }
            decoded.append(high << 4 | low)
        }
        guard let text = String(validating: decoded, as: UTF8.self) else {
            throw .invalid("a name in resource_names decodes to bytes that are not UTF-8")
        }
        return text
    }

    /// Whether an instance of the service is an endpoint of the cluster.
    func has(_ instance: Instance) -> Bool { instance.status == .up && (tags?.matches(instance) ?? true) }
}
