// What signals do to the process until a loop handles them. Their default is to end it, and signals that the parent
// process has blocked or ignored are inherited.

import Glibc

enum ProcessSignals {
    /// The signals that the control loop handles.
    private static let heard = [SIGTERM, SIGINT, SIGHUP, SIGUSR1]

    /// To be called before any thread starts: all of them inherit the mask.
    static func prepare() {
        // Until a loop handles them, these signals would end the process; SIGUSR2 has no meaning here and would always
        // end it.
        for number in [SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2] { signal(number, SIG_IGN) }
        // If these were blocked, the process would never receive a request to stop.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for number in heard { unsafe sigaddset(&signals, number) }
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}
