// An answer that may be larger than memory, on its way into a file: written as it comes, checked as a whole, and only
// then given its name.

import HTTP
import HTTPClient
import Libevent
import Snapshot
import System

/// Saves the snapshot of one registry. Belongs to the main thread.
final class SnapshotSaving {
    /// Without a byte for so long the answer is dead, in milliseconds.
    private static let silence = 60_000
    /// Bytes that are kept of a refusal.
    private static let longestRefusal = 65_536

    private let client: RegistryClient
    /// Nil once it has its name.
    private var replacement: FileReplacement?
    private var head: ReceivedHead?
    private var refusal: [UInt8] = []
    private var failure: CommandFailure?

    init(_ client: RegistryClient, _ file: PrivateFile) throws(CommandFailure) {
        self.client = client
        do throws(PrivateFileFault) { replacement = try file.replace() } catch { throw SnapshotFiles.unusable(error) }
    }

    /// Returns what the file has; throws when the registry refuses, or the file would not be used.
    func run() throws(CommandFailure) -> SnapshotSummary {
        try client.run { [self] onLoop in
            do throws(CommandFailure) {
                try client.stream(RegistryRequest(api: "snapshot"), after: nil, silence: Self.silence, onLoop) {
                    [self] event, onLoop in
                    came(event, onLoop)
                }
            } catch { stop(error, onLoop) }
        }
        if let failure {
            replacement = nil
            throw failure
        }
        guard let written = replacement.take() else {
            throw CommandFailure(status: .usage, sentence: "a snapshot is saved once")
        }
        let open: ReadableFile
        do throws(PrivateFileFault) { open = try written.reading() } catch { throw SnapshotFiles.unusable(error) }
        let summary = try SnapshotFiles.summary(of: open, named: client.server)
        do throws(PrivateFileFault) { try written.finish() } catch { throw SnapshotFiles.unusable(error) }
        return summary
    }

    private func came(_ event: ClientEvent, _ onLoop: borrowing OnLoop) {
        switch event {
        case .head(let head): self.head = head
        case .body(let bytes):
            guard head?.status == 200 else {
                refusal += bytes.prefix(Self.longestRefusal - min(refusal.count, Self.longestRefusal))
                return
            }
            do throws(SystemFailure) { try replacement?.write(bytes) } catch {
                stop(SnapshotFiles.unusable(error), onLoop)
            }
        case .ended:
            stop(head.flatMap { RegistryAnswer.failure($0, refusal, from: client.server) }, onLoop)
        case .failed(let reason):
            let sentence = TerminalText.escaped("no whole answer from \(client.server): \(reason)")
            stop(CommandFailure(status: .noAnswer, sentence: sentence), onLoop)
        }
    }

    private func stop(_ failure: CommandFailure?, _ onLoop: borrowing OnLoop) {
        self.failure = failure
        client.close(onLoop)
        client.loop.stop(onLoop)
    }
}
