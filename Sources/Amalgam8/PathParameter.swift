// What the paths of this API have for a parameter.

import Catalog
import HTTP
import Serving

extension Call {
    /// Where routes have their one parameter: `/api/v1/instances/{id}`, `/api/v1/services/{name}`.
    static let parameterIndex = 3

    /// The id in the path, or nil when it is none that an instance could have.
    var instanceID: InstanceID? { InstanceID(path[Self.parameterIndex]) }
}
