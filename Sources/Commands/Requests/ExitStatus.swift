// How a command ends, for scripts: what to do about a lease that is gone is something else than what to do about a
// registry that does not answer, and a script must not have to read sentences for it. docs/command-line.md has the table.

/// The exit status of a command.
enum ExitStatus: Int32 {
    case done = 0
    /// The registry refuses, and not for a reason below.
    case refused = 1
    /// There is no such instance, service or page: 404 or 410.
    case notFound = 3
    /// No credential, a bad one, or one that may not do this: 401 or 403.
    case notAllowed = 4
    /// No answer, or none that is the registry's.
    case noAnswer = 5
    /// The registry asks to come back later: 429 or 503.
    case later = 6
    /// The words or variables of the command are wrong: EX_USAGE of sysexits.h.
    case usage = 64
    /// The program cannot be run, as shells say it.
    case notExecutable = 126
    case noProgram = 127

    /// What an answer of HTTP comes to.
    init(answer status: Int) {
        self =
            switch status {
            case 200..<300: .done
            case 404, 410: .notFound
            case 401, 403: .notAllowed
            case 429, 503: .later
            default: .refused
            }
    }
}

/// Why a command has not done what it was to do.
struct CommandFailure: Error, Equatable {
    let status: ExitStatus
    /// A sentence without a full stop, harmless on a terminal.
    let sentence: String
}
