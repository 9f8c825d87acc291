// A program that this process starts and outlives: it has our terminal, environment and open files, and what is left to
// do for it is to pass signals on and to learn how it ended.

import CSystem
import Glibc

/// A program that was started.
package struct ChildProcess: Sendable {
    package enum End: Equatable, Sendable {
        case exited(Int32)
        case killed(signal: Int32)

        /// As a shell tells it: 128 and the number of the signal that killed it.
        package var shellStatus: Int32 {
            switch self {
            case .exited(let status): status
            case .killed(let signal): 128 + signal
            }
        }
    }

    /// Why a program could not be started.
    package struct StartFailure: Error, CustomStringConvertible {
        package let description: String
        /// Whether there is no such program, rather than one that may not be run.
        package let isMissing: Bool
    }

    private let identifier: Int32

    /// Starts a program, which is looked for in PATH if its name has no slash. No signal is blocked for it, and SIGPIPE
    /// does what it does by default.
    ///
    /// - Parameter words: the program and its arguments; not empty.
    package init(_ words: [String]) throws(StartFailure) {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        var arguments = unsafe words.map { unsafe strdup($0) }
        unsafe arguments.append(nil)
        defer { unsafe arguments.forEach { unsafe free($0) } }
        var identifier: pid_t = 0
        let code = unsafe posix_spawnp(
            &identifier, words.first ?? "", nil, &attributes, arguments, csystem_environment())
        guard code == 0 else {
            throw StartFailure(description: unsafe String(cString: strerror(code)), isMissing: code == ENOENT)
        }
        self.identifier = identifier
    }

    /// To be called only while `end()` has not returned its end: the number may be another process's after that.
    package func send(_ signal: Int32) { kill(identifier, signal) }

    /// How it has ended; nil while it runs. To be asked until it is not nil, and not after.
    package func end() -> End? {
        var status: Int32 = 0
        while true {
            let found = unsafe waitpid(identifier, &status, WNOHANG)
            if found == identifier { break }
            guard found < 0, errno == EINTR else { return nil }
        }
        let signal = status & 0x7F
        return signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(signal: signal)
    }
}

/// What this process does with signals.
package enum SignalDisposition {
    /// Whether whoever started this process wants it to ignore the signal, as nohup(1) does with SIGHUP.
    package static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard unsafe sigaction(number, nil, &action) == 0 else { return false }
        return unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    /// Writing to what nobody reads is an error then, and no longer the end of the process.
    package static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

    /// Whoever starts this process may have blocked signals, and this is inherited.
    package static func unblock(_ numbers: [Int32]) {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in numbers { unsafe sigaddset(&signals, number) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}
