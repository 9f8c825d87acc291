// `registry snapshot`: has an operator save what a registry holds into a file, shows what is in such a file, and puts one
// where a registry will find it at its start.

import ArgumentParser
import Configuration
import Snapshot
import System

struct SnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Save what a registry holds into a file, and look at such files.",
        subcommands: [SaveSnapshotCommand.self, InspectSnapshotCommand.self, RestoreSnapshotCommand.self])
}

struct SaveSnapshotCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "save", abstract: "Save what a registry holds into a file. It needs an operator's credential.",
        discussion: "The file is checked as a whole before it takes the place of another.")

    @Argument(help: "The file, which may be there already.", completion: .file())
    var file: String

    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    func run(_ client: RegistryClient) throws(CommandFailure) -> Int32 {
        let summary = try SnapshotSaving(client, PrivateFile(file)).run()
        switch connection.output {
        case .json: StandardStream.output.write(summary.json + [0x0A])
        case .table: StandardStream.output.write(summary.line(file))
        }
        return 0
    }
}

struct InspectSnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what is in a snapshot, without a registry.",
        discussion: "The status is 1 when a registry would not use the file.")

    @Argument(help: "The file.", completion: .file())
    var file: String

    @Option(name: .shortAndLong, help: "What to print: a table, or JSON for programs.")
    var output = OutputForm.table

    func run() throws {
        try SnapshotFiles.carryOut { () throws(CommandFailure) in
            let summary = try SnapshotFiles.summary(of: PrivateFile(file), isAnybodys: true)
            switch output {
            case .json: StandardStream.output.write(summary.json + [0x0A])
            case .table: StandardStream.output.write(summary.table(at: WallClock.nanoseconds()))
            }
        }
    }
}

struct RestoreSnapshotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Put a snapshot where a registry finds it at its next start.",
        discussion: """
            The registry whose SNAPSHOT_FILE it is must not run: it would write its own over it. Run this as the registry's \
            user: the file has to be that user's.
            """)

    @Argument(help: "The snapshot.", completion: .file())
    var file: String

    @Argument(help: "The SNAPSHOT_FILE of the registry.", completion: .file())
    var target: String

    func run() throws {
        try SnapshotFiles.carryOut { () throws(CommandFailure) in
            let summary = try SnapshotFiles.copy(PrivateFile(file), to: PrivateFile(target))
            StandardStream.output.write(summary.line(target))
        }
    }
}
