// Keeps the quotas in force as their file has them: read when the process starts, and again by the reloader. One that
// cannot be used stops the start, and later changes nothing.

import Logging
import RegistryCore
import TLS

/// Puts what the file of quotas says into force. Belongs to the control loop.
final class QuotaKeeper {
    private let path: String
    private let board: QuotaBoard
    private let logger: Logger
    private var inForce: Quotas
    /// Over the file as it was before it was read last.
    private(set) var watch: FileWatch

    /// Reads the file for the first time.
    init(_ path: String, _ board: QuotaBoard, _ logger: Logger) throws(QuotaFileError) {
        (self.path, self.board, self.logger) = (path, board, logger)
        watch = FileWatch([path])
        inForce = try Quotas(file: path)
        board.change(inForce)
    }

    /// Reads it again; returns the watch over what was read.
    func reload() -> FileWatch {
        watch = FileWatch([path])
        do throws(QuotaFileError) {
            let quotas = try Quotas(file: path)
            guard quotas != inForce else { return watch }
            inForce = quotas
            board.change(quotas)
            logger.info("quotas changed", metadata: ["file": "\(path)"])
        } catch {
            logger.error("the quotas cannot be read again; the old ones stay", metadata: ["error": "\(error)"])
        }
        return watch
    }
}
