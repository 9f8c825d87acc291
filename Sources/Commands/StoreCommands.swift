// `registry store`: how a member stands with the Redis that keeps what is registered, and an operator's word on one that was
// emptied (docs/redis.md).

import ArgumentParser

struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Look at the store that keeps what is registered, and decide about it.",
        discussion: "It is for registries with STORE=redis; others answer that there is nothing (3).",
        subcommands: [StoreStatusCommand.self, ReseedStoreCommand.self, AcceptEmptyStoreCommand.self])
}

struct StoreStatusCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the store as a member sees it: its servers, and the members at it.")

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        try show(try client.success(of: RegistryRequest(api: "store"))) { StoreTable($0).text }
        return 0
    }
}

struct ReseedStoreCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "reseed", abstract: "Fill a store that was emptied from what one member shows; for operators.",
        discussion: """
            A member fills it by itself where it followed the store within the last ten minutes. Give the word to one member, by \
            its own URL, and `accept-empty` to the others that wait: they then show what the one has written.
            """)

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        try settle("reseed", "fills the store from what it shows", client)
    }
}

struct AcceptEmptyStoreCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept-empty", abstract: "Have a member believe a store that was emptied; for operators.",
        discussion: """
            What the member shows and the store has not is gone then: look at it first with `registry instances`.
            """)

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        try settle("accept-empty", "shows what the store has from now on", client)
    }
}

extension AskingCommand {
    fileprivate func settle(_ word: String, _ what: String, _ client: RegistryClient) throws(CommandFailure) -> Int32 {
        // Else it would be chance whose view it is.
        guard client.isOfOneServer else {
            throw CommandFailure(
                status: .usage,
                sentence: "\(word) needs the URL of one member alone: REGISTRY_URL or --url has several")
        }
        let answer = try client.success(of: .store(word))
        try show(answer) { StoreTable.settled($0, what, of: client.server) }
        return 0
    }
}
