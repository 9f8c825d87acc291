// `registry members`, `registry catalogs`, `registry namespaces` and `registry refusals`: who is behind, what the registry
// reads elsewhere, who its tenants are, and why clients do not get on.

import ArgumentParser

struct MembersCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "members", abstract: "Show the members of the cluster, and which of them is behind.",
        discussion: """
            It is what the member sees that is asked. BEHIND says how many changes a member has not acknowledged, and since when; \
            AGREES whether it holds the same; READY whether it is ready, or drained.
            """)

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        try show(try client.success(of: RegistryRequest(api: "cluster"))) { MemberTable($0).text }
        return 0
    }
}

struct CatalogsCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "catalogs", abstract: "Show the other registries and files that the registry reads.")

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        try show(try client.success(of: RegistryRequest(api: "catalogs"))) { CatalogTable.text($0) }
        return 0
    }
}

struct NamespacesCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "namespaces", abstract: "Show each namespace with what it holds and asks, to operators.",
        discussion: """
            In the order of their names, a thousand at a time. REQUESTS/S and HEARTBEATS/S are those that the member that is asked \
            has let in during the last minute.
            """)

    @Option(help: ArgumentHelp("How many at most, from 1 to 1,000.", valueName: "count"))
    var limit = 1_000

    @Option(help: ArgumentHelp("Only those whose names come after this one.", valueName: "name"))
    var after: String?

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let request = RegistryRequest(api: "namespaces").with("limit", "\(limit)").with("after", after)
        try show(try client.success(of: request)) { NamespaceTable.text($0) }
        return 0
    }
}

struct RefusalsCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "refusals", abstract: "Show which requests were refused lately, and why.",
        discussion: """
            Refusals that are alike are one row. A tenant is shown those of its namespace, an operator all, those without a good \
            credential too.
            """)

    /// The most that a page has (R642).
    private static let page = "1000"

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let request = RegistryRequest(api: "refusals").with("limit", Self.page)
        try show(try client.success(of: request)) { RefusalTable.text($0) }
        return 0
    }
}
