// What the paths of this API have for a parameter.

import Catalog
import HTTP
import Serving

extension Call {
    /// The id in the path, or nil when it is none that an instance could have.
    var instanceID: InstanceID? { InstanceID(parameter()) }
}
