// `registry services` and `registry instances`: what is registered.

import ArgumentParser
import System

struct ServicesCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "services", abstract: "List the services, and how many instances each has.")

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    @Flag(name: .shortAndLong, help: "Print the names alone, one a line.")
    var quiet = false

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        // Names alone are cheaper than to count their instances.
        if quiet || connection.output == .json {
            let answer = try client.success(of: RegistryRequest(api: "services"))
            if quiet {
                StandardStream.output.write(
                    InstanceTable.lines(try answer.tree["services"].elements.compactMap(\.string)))
            } else {
                try show(answer) { _ in "" }
            }
            return 0
        }
        let answer = try client.success(of: .instances(.init(), fields: "service_name,status"))
        try show(answer) { InstanceTable.services($0["instances"].elements) }
        return 0
    }
}

/// Which instances are meant.
struct FilterOptions: ParsableArguments {
    @Argument(help: "The service; all of them if not given.")
    var service: String?

    @Option(
        help: ArgumentHelp("Only those with this status, such as UP; every status if not given.", valueName: "status"))
    var status: String?

    @Option(help: ArgumentHelp("Only those with this tag. It may be repeated: with all of them.", valueName: "tag"))
    var tag: [String] = []

    var filter: RegistryRequest.Filter { RegistryRequest.Filter(service: service, status: status, tags: tag) }
}

struct InstancesCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "instances", abstract: "List instances, of one service or of all.",
        discussion: """
            STATUS is what counts; where an operator has overridden it, the instance's own follows in brackets. Exits with 0 also \
            when there is none.
            """)

    @OptionGroup var options: FilterOptions
    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    @Flag(name: .shortAndLong, help: "Print the ids alone, one a line.")
    var quiet = false

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        if quiet {
            let answer = try client.success(of: .instances(options.filter, fields: ""))
            StandardStream.output.write(
                InstanceTable.lines(try answer.tree["instances"].elements.compactMap { $0["id"].string }))
            return 0
        }
        let answer = try client.success(of: .instances(options.filter))
        let now = TimeText.now(by: answer.head, otherwise: WallClock.nanoseconds())
        try show(answer) { InstanceTable.text($0["instances"].elements, at: now) }
        return 0
    }
}
