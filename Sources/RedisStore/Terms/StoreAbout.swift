// What a member says of itself in the store, for other members and operators.

import JSON

/// A member, as it introduces itself.
package struct StoreAbout: Sendable, Equatable {
    package var name: String
    package var address: String
    package var version: String

    package init(name: String, address: String, version: String) {
        self.name = name
        self.address = address
        self.version = version
    }

    /// A JSON object.
    package var json: String {
        var text: [UInt8] = []
        text.append(literal: "{\"name\":")
        text.appendJSON(string: name)
        text.append(literal: ",\"address\":")
        text.appendJSON(string: address)
        text.append(literal: ",\"version\":")
        text.appendJSON(string: version)
        text.append(literal: "}")
        return String(decoding: text, as: UTF8.self)
    }
}
