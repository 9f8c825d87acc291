// Where a server of Redis is, as its operator or another server has named it.

/// The address of one server.
package struct RedisNode: Hashable, Sendable {
    /// A name, or a numeric address.
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}
