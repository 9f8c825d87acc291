// `registry override` and `registry drain`: an operator's word on an instance, a service or a member.

import ArgumentParser
import Configuration
import System

struct OverrideCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "override", abstract: "Set another status than the one that an instance says, or take it back.",
        usage: "registry override (ID | --service NAME) (STATUS | --lift) [--for 30m]",
        discussion: "It counts until it is lifted, or for as long as --for says, whatever the instance registers.")

    @Option(help: ArgumentHelp("A service, all instances of which are meant.", valueName: "name"))
    var service: String?

    @Argument(help: "The id of the instance, unless a service is named, and the status, such as OUT_OF_SERVICE.")
    var words: [String] = []

    @Flag(help: "Take the override back.")
    var lift = false

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("For how long; until it is lifted if not given.", valueName: "duration"))
    var time: String?

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func validate() throws {
        let wanted = (service == nil ? 1 : 0) + (lift ? 0 : 1)
        guard words.count == wanted else {
            throw ValidationError("Give an ID or --service, and a STATUS or --lift.")
        }
        try Span.check(time, isSet: !lift)
    }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let subject = service.map(RegistryRequest.Subject.service) ?? .instance(words.first ?? "")
        let answer = try client.success(
            of: .override(subject, status: lift ? nil : words.last, for: time))
        try showInstances(answer)
        return 0
    }
}

struct DrainCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Take an instance, a service or a member out, without losing a look-up.",
        usage: "registry drain (ID | --service NAME | --member) [--for 30s] [--lift]",
        discussion: """
            A drained instance is in no list of those that are UP; after --for it is deregistered, and stays out for an hour if \
            it registers again. --member drains the member that is asked, which takes an operator's token.
            """)

    @Argument(help: "The id of the instance.")
    var id: String?

    @Option(help: ArgumentHelp("A service, all instances of which are drained.", valueName: "name"))
    var service: String?

    @Flag(help: "The member that is asked, instead of instances.")
    var member = false

    @Flag(help: "Take the drain back.")
    var lift = false

    @Option(name: .customLong("for"), help: ArgumentHelp("After how long it is deregistered.", valueName: "duration"))
    var time: String?

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func validate() throws {
        guard [id != nil, service != nil, member].filter({ $0 }).count == 1 else {
            throw ValidationError("Give one of ID, --service and --member.")
        }
        try Span.check(time, isSet: !lift)
    }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let subject: RegistryRequest.Subject =
            if member { .member } else if let service { .service(service) } else { .instance(id ?? "") }
        let answer = try client.success(of: .drain(subject, isSet: !lift, for: time))
        if member {
            if connection.output == .json, !answer.body.isEmpty {
                try show(answer) { _ in "" }
            } else {
                StandardStream.output.write(
                    lift ? "\(answer.server) takes traffic again.\n" : "\(answer.server) is draining.\n")
            }
        } else {
            try showInstances(answer)
        }
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
    /// Shows the instance, or the instances, that an operator's word was about.
    fileprivate func showInstances(_ answer: RegistryAnswer) throws(CommandFailure) {
        let now = TimeText.now(by: answer.head, otherwise: WallClock.nanoseconds())
        try show(answer) { tree in
            let instances = tree["instances"].elements
            return InstanceTable.text(tree["id"].string == nil ? instances : [tree], at: now)
        }
    }
}
