// Failures of system calls and of the C library, in one form.

import Glibc

/// A system call, or something asked of the system, that failed.
package struct SystemFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed: a system call, or what it was asked for.
    package let what: String
    /// The errno.
    package let code: Int32

    package init(_ what: String, code: Int32) {
        self.what = what
        self.code = code
    }

    package var description: String { unsafe "\(what): \(String(cString: strerror(code)))" }
}
