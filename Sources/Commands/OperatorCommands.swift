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
        commandName: "drain", abstract: "Take an instance out, without losing a look-up.",
        usage: "registry drain ID ([--for 30s] | --lift)",
        discussion: """
            A drained instance is in no list of those that are UP; after --for it is deregistered, and stays out for an hour if \
            it registers again.
            """)

    @Argument(help: "The id of the instance.")
    var id: String

    @Flag(help: "Take the drain back.")
    var lift = false

    @Option(name: .customLong("for"), help: ArgumentHelp("After how long it is deregistered.", valueName: "duration"))
    var time: String?

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func validate() throws { try Span.check(time, isSet: !lift) }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        try showInstance(client.success(of: .drain(id, isSet: !lift, for: time)))
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
