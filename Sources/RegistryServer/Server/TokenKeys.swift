// The public keys that signed tokens are verified with: read when the process starts, and again when their file changes.
// If anything is wrong with the new file, the old keys stay in service, and the log says so once.

import Authorization
import Configuration
import Issuer
import Logging
import TLS

/// The keys in force. Belongs to the control loop.
final class TokenKeys {
    private let path: String?
    /// Nil until the issuer's were had once.
    private(set) var current: KeySet?
    /// Whether they are others than those of the start.
    private(set) var haveChanged = false
    /// Of the file as it was before it was read last; nil without one.
    private(set) var watch: FileWatch?

    /// Reads the file for the first time.
    init(_ settings: Settings) throws(KeyFileError) {
        path = settings.jwtKeys
        watch = settings.jwtKeys.map { FileWatch([$0]) }
        if let path = settings.jwtKeys {
            current = try KeySet(file: path)
        } else {
            current = settings.fetchesKeys ? nil : KeySet.none
        }
    }

    /// Reads the file again; whether there are other keys now.
    func reload(_ logger: Logger) -> Bool {
        guard let path else { return false }
        watch = FileWatch([path])
        do throws(KeyFileError) {
            let keys = try KeySet(file: path)
            guard keys != current else { return false }
            current = keys
            haveChanged = true
            logger.info("keys reloaded", metadata: ["keys": "\(keys.count)"])
            return true
        } catch {
            logger.error(
                "the new keys cannot be used; the old ones stay in service", metadata: ["error": "\(error)"])
            return false
        }
    }

    // MARK: - The issuer's

    /// Why the issuer's keys could not be had last; nil when they were.
    private var fault: KeyQuestionFault?

    /// Takes what has come of a question; whether there are other keys now.
    func take(_ outcome: KeyFetcher.Outcome, _ logger: Logger) -> Bool {
        switch outcome.keys {
        case .success(let keys):
            let isNew = keys != current
            if isNew || fault != nil {
                logger.info("keys fetched", metadata: ["page": "\(outcome.page)", "keys": "\(keys.count)"])
            }
            fault = nil
            guard isNew else { return false }
            current = keys
            haveChanged = true
            return true
        case .failure(let new):
            // Once for each reason: it is asked again and again.
            if new != fault {
                logger.error(
                    current == nil
                        ? "the issuer's keys cannot be had"
                        : "the issuer's keys cannot be had; the old ones stay in service",
                    metadata: ["page": "\(outcome.page)", "error": "\(new)"])
            }
            fault = new
            return false
        }
    }
}
