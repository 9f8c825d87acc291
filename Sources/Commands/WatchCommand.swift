// `registry watch`: what changes, as it changes.

import ArgumentParser
import System

struct WatchCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Show what is registered, and then each change as it comes.",
        discussion: """
            Goes on until it is interrupted. When the connection is lost it connects again and asks for what it has missed. With \
            --output json each event is one line: its name, its id, and its data.
            """)

    @OptionGroup var options: FilterOptions
    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    @Option(help: ArgumentHelp("Only what came after the event with this id.", valueName: "id"))
    var since: String?

    @Option(help: ArgumentHelp("End after so many events.", valueName: "count"))
    var count: Int?

    func validate() throws {
        guard count.map({ $0 > 0 }) ?? true else { throw ValidationError("--count must be at least 1.") }
    }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let output = connection.output
        var rest = count ?? Int.max
        if output == .table { StandardStream.output.write(WatchLine.heading) }
        let run = WatchRun(client, .watch(options.filter), after: since) { event, id in
            switch output {
            case .table: StandardStream.output.write(WatchLine.text(event))
            case .json: StandardStream.output.write(WatchLine.json(event, id: id))
            }
            rest -= 1
            return rest > 0
        }
        try run.run()
        return 0
    }
}
