// The public keys that signed tokens are verified with: read when the process starts, and again when their file changes.
// If anything is wrong with the new file, the old keys stay in service, and the log says so once.

import Authorization
import Configuration
import Logging
import TLS

/// The keys in force. Belongs to the control loop.
final class TokenKeys {
    private let path: String?
    private(set) var current: KeySet
    /// Whether they are others than those of the start.
    private(set) var haveChanged = false
    /// Of the file as it was before it was read last; nil without one.
    private(set) var watch: FileWatch?

    /// Reads the file for the first time.
    init(_ settings: Settings) throws(KeyFileError) {
        path = settings.jwtKeys
        watch = settings.jwtKeys.map { FileWatch([$0]) }
        current = try settings.jwtKeys.map { path throws(KeyFileError) in try KeySet(file: path) } ?? .none
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
}
