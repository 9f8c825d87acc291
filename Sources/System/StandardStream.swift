// Standard output and standard error, written at once and without a buffer: a table comes whole, an event when it
// happens, and two programs that write to one terminal do not have their lines torn.

import Glibc

package enum StandardStream: Sendable {
    case output, error

    private var descriptor: Int32 { self == .output ? STDOUT_FILENO : STDERR_FILENO }

    package var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Writes all of it. When nobody reads standard output any more, the process ends as SIGPIPE would end it; other
    /// failures are ignored, since there is no better place to tell them.
    package func write(_ text: String) { write(Array(text.utf8)) }

    package func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&entry, 1, -1)
            } else if errno != EINTR {
                if errno == EPIPE, self == .output { Self.endByBrokenPipe() }
                return
            }
        }
    }

    private static func endByBrokenPipe() {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
    }
}

/// The terminal that this process was started from.
package enum Terminal {
    /// Whether what is typed there reaches this process and its children: SIGINT comes to each of them by itself then.
    package static var isOurs: Bool { tcgetpgrp(STDIN_FILENO) == getpgrp() }
}
