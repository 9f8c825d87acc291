// The id of what is reached at an endpoint. It depends on nothing but the service and the endpoint, so a client that
// registers again finds itself, and what a file or Kubernetes lists has the id that the REST API would give it.

package import Catalog
import TLS

extension EndpointKey {
    /// The id of the instance (R202). Parts that are hashed apart cannot be mistaken for others.
    package var instanceID: InstanceID {
        guard !isFirstOfItsText else { return .digest(SHA256.prefix64(of: text)) }
        return .digest(
            SHA256.prefix64(of: SHA256.digest(of: Array(serviceName)) + kind + SHA256.digest(of: Array(value))))
    }
}
