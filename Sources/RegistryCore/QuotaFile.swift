// The operator's file of quotas.

import Configuration

/// Why a file of quotas cannot be used.
package struct QuotaFileError: Error, Sendable, Equatable, CustomStringConvertible {
    package let path: String
    let reason: String

    /// A sentence without its full stop.
    package var description: String { "\(path) cannot be used: \(reason)" }
}

extension Quotas {
    /// How long a file may be.
    static let mostBytes = 65_536

    /// Reads a file of JSON.
    package init(file path: String) throws(QuotaFileError) {
        do {
            self = try Quotas(SecretFile.read(path, patience: .zero, limit: Self.mostBytes))
        } catch {
            throw QuotaFileError(path: path, reason: "\(error)")
        }
    }
}
