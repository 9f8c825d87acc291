// `registry override` and `registry drain`: an operator's word on an instance.

import ArgumentParser
import Configuration
import System

struct OverrideCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "override", abstract: "Set another status than the one that an instance says, or take it back.",
        usage: "registry override ID (STATUS [--for 30m] | --lift)",
        discussion: "It counts until it is lifted, or for as long as --for says, whatever the instance registers.")

    @Argument(help: "The id of the instance.")
    var id: String

    @Argument(help: "The status, such as OUT_OF_SERVICE.")
    var status: String?

    @Flag(help: "Take the override back.")
    var lift = false

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("For how long; until it is lifted if not given.", valueName: "duration"))
    var time: String?

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func validate() throws {
        guard (status == nil) == lift else { throw ValidationError("Give a STATUS or --lift.") }
        try Span.check(time, isSet: !lift)
    }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        try showInstance(client.success(of: .override(id, status: status, for: time)))
        return 0
    }
}

struct DrainCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Take an instance or a member out, without losing a look-up.",
        usage: """
            registry drain ID ([--for 30s] | --lift)
            registry drain --member [--lift]
            """,
        discussion: """
            A drained instance is in no list of those that are UP; after --for it is deregistered, and stays out for an hour if \
            it registers again. A drained member is not ready, so that balancers send no more requests to it, and answers as \
            before until that is taken back or it is started again.
            """)

    @Argument(help: "The id of the instance.")
    var id: String?

    @Flag(help: "The member that REGISTRY_URL or --url names, instead of an instance; for operators.")
    var member = false

    @Flag(name: [.long, .customLong("undo")], help: "Take the drain back.")
    var lift = false

    @Option(name: .customLong("for"), help: ArgumentHelp("After how long it is deregistered.", valueName: "duration"))
    var time: String?

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func validate() throws {
        guard (id == nil) == member else { throw ValidationError("Give the ID of an instance, or --member.") }
        guard !member || time == nil else { throw ValidationError("--for does not go with --member.") }
        try Span.check(time, isSet: !lift)
    }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        guard let id else { return try drainMember(client) }
        try showInstance(client.success(of: .drain(id, isSet: !lift, for: time)))
        return 0
    }

    private func drainMember(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        // Else it would be chance which of them it is.
        guard client.isOfOneServer else {
            throw CommandFailure(
                status: .usage,
                sentence: "--member needs the URL of that member alone: REGISTRY_URL or --url has several")
        }
        let answer = try client.success(of: .memberDrain(isSet: !lift))
        try show(answer) { MemberTable.drain($0, of: client.server) }
        return 0
    }
}

private enum Span {
    static func check(_ time: String?, isSet: Bool) throws {
        guard let time else { return }
        guard isSet else { throw ValidationError("--for does not go with --lift.") }
        guard let span = GoDuration(parsing: time), span > .zero else {
            throw ValidationError("--for must be a duration such as 30s or 10m.")
        }
    }
}

extension AskingCommand {
    /// Shows the instance that an operator's word was about.
    fileprivate func showInstance(_ answer: RegistryAnswer) throws(CommandFailure) {
        let now = TimeText.now(by: answer.head, otherwise: WallClock.nanoseconds())
        try show(answer) { tree in InstanceTable.text([tree], at: now) }
    }
}
