// How this API writes instances: as JSON objects, separated by commas. The lists and the answers to look-ups are put
// together of them.

import Catalog
import HTTP
package import Serving

extension Format {
    /// The JSON of the REST API without links, which depend on the request.
    static let amalgam8 = Format(number: 0, contentType: .json, separator: ",") {
        InstanceRendering(fields: .all, links: nil)
    }
}

extension ListedResource {
    /// The key is the query as sent.
    package static let instances = ListedResource(.amalgam8, number: 0)
    /// The key is the path as sent.
    package static let service = ListedResource(.amalgam8, number: 1)
    /// There is one in a namespace: the key is empty.
    package static let services = ListedResource(.amalgam8, number: 2)
    /// The key is the query as sent.
    package static let targets = ListedResource(.targets, number: 0)
}

extension InstanceRendering: InstanceWriter {}
