// Public keys in a file of the operator's.

import Configuration

/// Why a file of keys cannot be used.
package struct KeyFileError: Error, Sendable, Equatable, CustomStringConvertible {
    package let path: String
    package let reason: KeySetError

    /// A sentence without its full stop.
    package var description: String { "\(path) cannot be used: \(reason)" }
}

extension KeySet {
    /// Reads a file: keys and certificates in PEM, or a JSON Web Key Set.
    package init(file path: String) throws(KeyFileError) {
        do {
            self = try KeySet(try SecretFile.read(path, patience: .zero, limit: Self.mostBytes))
        } catch let error as KeySetError {
            throw KeyFileError(path: path, reason: error)
        } catch {
            throw KeyFileError(path: path, reason: .unreadable("\(error)"))
        }
    }
}
