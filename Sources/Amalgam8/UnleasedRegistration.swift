// A registration that a file has, instead of a client that would renew it: the same fields under the same rules, and no
// lease.

package import Catalog
package import RegistryCore

extension Registration {
    /// The instance, as a source has it.
    ///
    /// - Parameter source: its tag is added, unless it is there.
    package func instance(of source: SourceKind) -> Instance {
        let tag = Array(source.tag.utf8)[...]
        var tags = tags
        if !tags.contains(tag) { tags.append(tag) }
        return Instance(
            id: EndpointKey(serviceName: serviceName, kind: endpointKind, value: endpointValue).instanceID,
            serviceName: serviceName, endpointKind: endpointKind, endpointValue: endpointValue, status: status, ttl: 0,
            tags: tags, metadata: metadata, registered: 0)
    }
}
