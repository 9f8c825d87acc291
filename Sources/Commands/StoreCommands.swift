// `registry store`: how a member stands with the Redis that keeps what is registered, and an operator's word on one that was
// emptied, and the way into it from members that keep everything themselves (docs/redis.md).

import ArgumentParser
import System

struct StoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Look at the store that keeps what is registered, and decide about it.",
        discussion: "It is for registries with STORE=redis; others answer that there is nothing (3).",
        subcommands: [
            StoreStatusCommand.self, ReseedStoreCommand.self, AcceptEmptyStoreCommand.self, MigrateStoreCommand.self,
        ])
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
            What the member shows and the store has not is gone then, but for instances that have sent it heartbeats meanwhile: \
            look at it first with `registry instances`.
            """)

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        try settle("accept-empty", "shows what the store has from now on", client)
    }
}

struct MigrateStoreCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring what another registry holds into the store; for operators of both.",
        usage: "registry store migrate --from-cluster URL [--url MEMBER] [--follow]",
        discussion: """
            With --follow it goes on until it is interrupted, and brings every second what has changed since: clients can then be \
            moved one by one from the other registry to this one, while both serve. Leases keep their age, and nothing is taken \
            from the other registry.
            """)

    @Option(
        name: .customLong("from-cluster"),
        help: ArgumentHelp("The other registry, or several members of it with commas between.", valueName: "url"))
    var source: String

    @Option(
        name: .customLong("from-token-file"),
        help: ArgumentHelp(
            "A file with the token of an operator there; the token that is used here if not given.", valueName: "path"),
        completion: .file())
    var sourceTokenFile: String?

    @Flag(help: "Go on with what changes, until it is interrupted.")
    var follow = false

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let run = MigrationRun(
            from: try connection.client(for: source, sourceTokenFile), to: client, isFollowing: follow)
        let last = try run.run { round in
            switch connection.output {
            case .json: StandardStream.output.write(round.json)
            case .table: StandardStream.output.write(round.line)
            }
        }
        return last.full == 0 ? ExitStatus.done.rawValue : ExitStatus.refused.rawValue
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
