// Who we are and what we need, as every new connection says it to its server.

/// What a connection begins with.
package struct Introduction: Sendable {
    /// What the server is wanted for.
    package enum Purpose: Sendable {
        /// It holds the registry's data, with functions of which it gets a new version where it has an older one.
        case store(FunctionLibrary, isCluster: Bool)
        /// It says which server holds the data.
        case sentinel
        /// It says which nodes of its cluster hold what.
        case clusterNode
    }

    package var purpose: Purpose
    /// Nil stands for the server's default user.
    package var user: String?
    /// Nil where none is needed.
    package var password: String?
    /// 0 in a cluster, which has no other.
    package var database = 0
    /// What the server calls this connection in its own lists.
    package var name: String

    package init(_ purpose: Purpose, name: String) {
        self.purpose = purpose
        self.name = name
    }
}

/// The functions that are loaded into servers.
package struct FunctionLibrary: Sendable {
    /// Rises with each change of the code.
    package let version: Int64
    package let code: String

    package init(version: Int64, code: String) {
        self.version = version
        self.code = code
    }
}
