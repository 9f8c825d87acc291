// `registry members` and `registry catalogs`: who is behind, and what the registry reads elsewhere.

import ArgumentParser

struct MembersCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "members", abstract: "Show the members of the cluster, and which of them is behind.",
        discussion: """
            It is what the member sees that is asked. BEHIND says how many changes a member has not acknowledged, and since when; \
            AGREES whether it holds the same.
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
