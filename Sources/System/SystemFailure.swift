// What the kernel and the C library refuse, in one form for all who ask them.

import Glibc

/// Something of the system that could not be had or done.
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
