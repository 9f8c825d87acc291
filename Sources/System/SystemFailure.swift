// Failures of system calls and of the C library, in one form.

import Glibc

/// A system call, or something asked of the system, that failed.
public struct SystemFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed: a system call, or what it was asked for.
    public let what: String
    /// The errno.
    public let code: Int32

    public init(_ what: String, code: Int32) {
        self.what = what
        self.code = code
    }

    public var description: String { "\(what): \(String(cString: strerror(code)))" }
}
