// What Envoy hands back to say which endpoints it has. Made of digests, so it is the same on every member and after a
// restart, and changes with the services that were asked for and no others.

import Catalog
import Text

/// The version of an answer.
struct EndpointsVersion: Equatable {
    /// How answers are written. To be raised when the same instances are written in another way.
    private static let rendering: UInt8 = 1

    /// For which clusters of which namespace.
    private let scope: UInt64
    private let digest: UInt64

    /// - Parameter digests: of the clusters' services, in their order, without what is overdue.
    init(_ namespace: Namespace, _ clusters: [EnvoyCluster], _ digests: [UInt64]) {
        var scope = StableHasher()
        scope.combine(Self.rendering)
        scope.combine(namespace)
        for cluster in clusters {
            // No namespace and no name in UTF-8 has such a byte in it.
            scope.combine(0xFF as UInt8)
            scope.combine(cluster.name[...])
        }
        self.scope = scope.finalize()
        var digest: UInt64 = 0
        for service in digests { digest = StableHash.mixed(digest ^ service) &+ 1 }
        self.digest = digest
    }

    /// Both numbers in hexadecimal.
    var text: [UInt8] {
        [UInt8](room: 33) { output in
            output.append(hexadecimal: scope, digits: 16)
            output.append(UInt8(ascii: "-"))
            output.append(hexadecimal: digest, digits: 16)
        }
    }
}
