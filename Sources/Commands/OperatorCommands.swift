// `registry override` and `registry drain`: an operator's word on an instance, or on a whole service.

import ArgumentParser
import Configuration
import System

struct OverrideCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "override", abstract: "Set another status than the one that an instance says, or take it back.",
        usage: """
            registry override ID (STATUS [--for 30m] | --lift)
            registry override --service NAME (STATUS [--for 30m] | --lift)
            """,
        discussion: """
            It counts until it is lifted, or for as long as --for says, whatever the instance registers. That of a service holds \
            for all of its instances, those that register meanwhile included; what is set for one of them counts before it.
            """)

    @Argument(help: ArgumentHelp("The id of the instance, unless --service is given.", valueName: "id"))
    var first: String?

    @Argument(help: ArgumentHelp("The status, such as OUT_OF_SERVICE.", valueName: "status"))
    var second: String?

    @Option(help: ArgumentHelp("Do it for all instances of this service.", valueName: "name"))
    var service: String?

    @Flag(help: "Take the override back.")
    var lift = false

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("For how long; until it is lifted if not given.", valueName: "duration"))
    var time: String?

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    /// With a service, what comes first is the status.
    private var status: String? { service == nil ? second : first }

    func validate() throws {
        try Subject.check(id: service == nil ? first : second, service)
        guard (status == nil) == lift else { throw ValidationError("Give a STATUS or --lift.") }
        try Span.check(time, isSet: !lift)
    }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let subject = Subject(id: first, service)
        try show(client.success(of: .override(subject, status: status, for: time)), of: subject)
        return 0
    }
}

struct DrainCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Take an instance, a service or a member out, without losing a look-up.",
        usage: """
            registry drain ID ([--for 30s] | --lift)
            registry drain --service NAME ([--for 30s] | --lift)
            registry drain --member [--lift]
            """,
        discussion: """
            A drained instance is in no list of those that are UP; after --for it is deregistered, and stays out for an hour if \
            it registers again. With --service these are all instances of a service. A drained member is not ready, so that \
            balancers send no more requests to it, and answers as before until that is taken back or it is started again.
            """)

    @Argument(help: "The id of the instance, unless --service or --member is given.")
    var id: String?

    @Option(help: ArgumentHelp("Do it for all instances of this service.", valueName: "name"))
    var service: String?

    @Flag(help: "The member that REGISTRY_URL or --url names, instead of an instance; for operators.")
    var member = false

    @Flag(name: [.long, .customLong("undo")], help: "Take the drain back.")
    var lift = false

    @Option(name: .customLong("for"), help: ArgumentHelp("After how long it is deregistered.", valueName: "duration"))
    var time: String?

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func validate() throws {
        if member {
            guard id == nil, service == nil else { throw Subject.ambiguous }
            guard time == nil else { throw ValidationError("--for does not go with --member.") }
        } else {
            try Subject.check(id: id, service)
        }
        try Span.check(time, isSet: !lift)
    }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        guard !member else { return try drainMember(client) }
        let subject = Subject(id: id, service)
        try show(client.success(of: .drain(subject, isSet: !lift, for: time)), of: subject)
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

private typealias Subject = RegistryRequest.Subject

extension RegistryRequest.Subject {
    fileprivate init(id: String?, _ service: String?) {
        self = service.map { .service($0) } ?? .instance(id ?? "")
    }

    fileprivate static var ambiguous: ValidationError {
        ValidationError("Give the ID of an instance, --service NAME, or, to drain a member, --member.")
    }

    fileprivate static func check(id: String?, _ service: String?) throws {
        guard (id == nil) != (service == nil) else { throw ambiguous }
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
    /// Shows what an operator's word was about.
    fileprivate func show(_ answer: RegistryAnswer, of subject: Subject) throws(CommandFailure) {
        let now = TimeText.now(by: answer.head, otherwise: WallClock.nanoseconds())
        try show(answer) { tree in
            switch subject {
            case .instance: InstanceTable.text([tree], at: now)
            case .service: ServiceStatusTable.text(tree, at: now)
            }
        }
    }
}
