// `registry top`: what the registry does just now, from its metrics and its view of the cluster.

import ArgumentParser
import Configuration
import System
import Time

struct TopCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show rates, latencies and members, again and again.",
        discussion: """
            The figures are of one member, since the reading before. With --once one table is printed, of one interval. It is not \
            for JSON: monitors read /metrics.
            """)

    private static let intervals = GoDuration.milliseconds(100)...GoDuration.seconds(3_600)

    @Flag(help: "Print one table and end.")
    var once = false

    @Option(help: ArgumentHelp("The time between two readings.", valueName: "duration"))
    var interval = "2s"

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func validate() throws {
        guard span != nil else { throw ValidationError("--interval must be a duration from 100ms to 1h.") }
        guard connection.output == .table else {
            throw ValidationError("top prints tables: programs read /metrics and /api/v1/cluster.")
        }
    }

    private var span: GoDuration? {
        GoDuration(parsing: interval).flatMap { Self.intervals.contains($0) ? $0 : nil }
    }

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let screen = StandardStream.output.isTerminal && !once
        var (before, start) = try read(client)
        while true {
            ThisThread.sleep(nanoseconds: span?.nanoseconds ?? 0)
            let (after, now) = try read(client)
            let cluster = try client.success(of: RegistryRequest(api: "cluster")).tree
            let view = TopView(
                before: before, after: after, seconds: Double((now - start).wholeNanoseconds) / 1e9)
            let text = "\(client.server)\n" + view.text + "\n" + MemberTable(cluster).text
            StandardStream.output.write(screen ? "\u{1B}[H\u{1B}[J" + text : once ? text : text + "\n")
            if once { return 0 }
            (before, start) = (after, now)
        }
    }

    private func read(_ client: RegistryClient) throws(CommandFailure) -> (MetricsReading, MonotonicTime) {
        let answer = try client.success(of: RegistryRequest(page: "metrics"))
        return (MetricsReading(answer.body), MonotonicClock.now())
    }
}
