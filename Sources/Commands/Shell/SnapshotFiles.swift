// The files of `registry snapshot`: read as the start of a registry reads them, and written as it writes its own.

import ArgumentParser
import Snapshot
import System

enum SnapshotFiles {
    /// Bytes that are copied at once.
    private static let piece = 1 << 20

    /// Does it, and ends the command with the sentence and the status of its failure.
    static func carryOut(_ body: () throws(CommandFailure) -> Void) throws {
        do throws(CommandFailure) { try body() } catch {
            StandardStream.error.write("Error: \(error.sentence)\n")
            throw ExitCode(error.status.rawValue)
        }
    }

    /// What is in a file, all of which is checked.
    ///
    /// - Parameter isAnybodys: whether the file may be another user's.
    static func summary(of file: PrivateFile, isAnybodys: Bool) throws(CommandFailure) -> SnapshotSummary {
        try summary(of: try open(file, isAnybodys: isAnybodys), named: file.path)
    }

    static func summary(of open: ReadableFile, named path: String) throws(CommandFailure) -> SnapshotSummary {
        do throws(SnapshotFault) {
            return try SnapshotSummary(size: open.size) { (offset, count) throws(SnapshotFault) in
                do throws(SystemFailure) { return try open.read(offset, count) } catch {
                    throw .unreadable("\(error)")
                }
            }
        } catch {
            throw CommandFailure(status: .refused, sentence: TerminalText.escaped("\(path): \(error)"))
        }
    }

    private static func open(_ file: PrivateFile, isAnybodys: Bool) throws(CommandFailure) -> ReadableFile {
        do throws(PrivateFileFault) {
            if let open = try file.open(isAnybodys: isAnybodys) { return open }
        } catch { throw unusable(error) }
        throw CommandFailure(status: .usage, sentence: TerminalText.escaped("\(file.path): there is no such file"))
    }

    static func unusable(_ error: any Error) -> CommandFailure {
        CommandFailure(status: .usage, sentence: TerminalText.escaped("\(error)"))
    }

    /// Copies a file that a registry would use.
    static func copy(_ file: PrivateFile, to target: PrivateFile) throws(CommandFailure) -> SnapshotSummary {
        let open = try open(file, isAnybodys: true)
        let summary = try summary(of: open, named: file.path)
        do {
            let replacement = try target.replace()
            var offset = 0
            while offset < open.size {
                let bytes = try open.read(offset, min(piece, open.size - offset))
                guard !bytes.isEmpty else { break }
                try replacement.write(bytes)
                offset += bytes.count
            }
            try replacement.finish()
        } catch { throw unusable(error) }
        return summary
    }
}
