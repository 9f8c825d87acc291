// `registry events`: what has happened, and above all what was lost.

import ArgumentParser
import Configuration
import System

struct EventsCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show the latest changes, or what was lost: events --since 5m --lost.",
        discussion: """
            What was lost in the last five minutes: registry events --since 5m --lost. Lost is what expired and what was \
            deregistered; NOW says whether it has come back since.
            """)

    /// Events in a page (R642), and pages that are read at most.
    private static let page = 1_000
    private static let mostPages = 1_000

    @Argument(help: "The service; all of them if not given.")
    var service: String?

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    @Option(help: ArgumentHelp("How far to look back; the latest 100 events if not given.", valueName: "duration"))
    var since: String?

    @Flag(help: "Only what expired or was deregistered.")
    var lost = false

    func validate() throws {
        guard since == nil || span != nil else {
            throw ValidationError("--since must be a duration such as 5m or 1h30m.")
        }
    }

    private var span: GoDuration? { since.flatMap(GoDuration.init(parsing:)).flatMap { $0 >= .zero ? $0 : nil } }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let pages = try read(client)
        let chosen = pages.chosen(service: service, onlyLosses: lost)
        switch connection.output {
        case .json: StandardStream.output.write(TerminalText.escaped(json: pages.json(chosen)))
        case .table:
            StandardStream.output.write(pages.table(chosen))
            if pages.hasMissed, since != nil {
                StandardStream.error.write(
                    "The registry keeps no earlier events than these: it was started since, or they were too many.\n")
            }
        }
        return 0
    }

    private func read(_ client: RegistryClient) throws(CommandFailure) -> EventPages {
        var pages = EventPages()
        let events = RegistryRequest(api: "events")
        guard span != nil || lost else {
            try take(try client.success(of: events), into: &pages)
            return pages
        }
        // The time is the registry's: an index is one of its clock's (R644).
        let head = try client.success(of: events.with("limit", "1")).head
        let now = TimeText.now(by: head, otherwise: WallClock.nanoseconds())
        var next = span.map { Int(max(0, now - min($0.nanoseconds, now)) / 1_000) } ?? 0
        for _ in 0..<Self.mostPages {
            let answer = try client.success(of: events.with("since", "\(next)").with("limit", "\(Self.page)"))
            let count = try take(answer, into: &pages)
            guard count >= Self.page, pages.next > next else { break }
            next = pages.next
        }
        return pages
    }

    @discardableResult
    private func take(_ answer: RegistryAnswer, into pages: inout EventPages) throws(CommandFailure) -> Int {
        do {
            return try pages.take(answer.body)
        } catch {
            throw answer.notARegistry
        }
    }
}
