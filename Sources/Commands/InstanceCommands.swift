// `registry heartbeat` and `registry deregister`: for ids that are known, one or many.

import ArgumentParser
import JSON
import System

/// What became of each id, and the exit status of all of them together.
struct IDResults {
    private(set) var results: [(id: String, status: Int)] = []

    mutating func add(_ id: String, _ status: Int) { results.append((id, status)) }

    /// That of the first which is not done.
    var status: Int32 {
        results.lazy.map { ExitStatus(answer: $0.status) }.first { $0 != .done }?.rawValue ?? 0
    }

    func table(done: String) -> String {
        var table = Table([.text("ID"), .text("RESULT")])
        for (id, status) in results {
            switch ExitStatus(answer: status) {
            case .done: table.add([id, done])
            case .notFound: table.add([id, "not registered"])
            case .later: table.add([id, "not known yet, try again"])
            default: table.add([id, "refused (\(status))"])
            }
        }
        return table.text
    }

    var json: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(literal: "{\"results\":[")
        for (index, result) in results.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(literal: "{\"id\":")
            bytes.appendJSON(string: result.id)
            bytes.append(literal: ",\"status\":")
            bytes.appendJSON(result.status)
            bytes.append(literal: "}")
        }
        bytes.append(literal: "]}\n")
        return bytes
    }

    func show(_ form: OutputForm, done: String) {
        switch form {
        case .table: StandardStream.output.write(table(done: done))
        case .json: StandardStream.output.write(TerminalText.escaped(json: json))
        }
    }
}

struct HeartbeatCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "heartbeat", abstract: "Renew the leases of instances.",
        discussion: "Exits with 3 when one of them is not registered.")

    /// Ids in one request (R262).
    private static let batch = 1_000

    @Argument(help: "The ids of the instances.")
    var id: [String]

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        var results = IDResults()
        var rest = id[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Self.batch))
            rest = rest.dropFirst(Self.batch)
            let answer = try client.success(of: .heartbeats(batch))
            let statuses = try answer.tree["results"].elements.map(\.integer)
            guard statuses.count == batch.count else { throw answer.notARegistry }
            for (id, status) in zip(batch, statuses) { results.add(id, status ?? 0) }
        }
        results.show(connection.output, done: "renewed")
        return results.status
    }
}

struct DeregisterCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "deregister", abstract: "Deregister instances.",
        discussion: "Exits with 3 when one of them was not registered.")

    @Argument(help: "The ids of the instances.")
    var id: [String]

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        var results = IDResults()
        for id in id {
            let answer = try client.answer(to: .deregistration(of: id))
            // Whoever may not deregister one may not deregister the next.
            if let failure = answer.failure, failure.status == .notAllowed { throw failure }
            results.add(id, answer.status)
        }
        results.show(connection.output, done: "deregistered")
        return results.status
    }
}
