// What signals do to the process until a loop hears them. Their default is to end it, and what whoever started it has blocked or ignored is
// inherited.

import Glibc

enum ProcessSignals {
    /// Those that the control loop hears.
    private static let heard = [SIGTERM, SIGINT, SIGHUP, SIGUSR1]

    /// To be called before any thread starts: all of them inherit the mask.
    static func prepare() {
        // Those that a loop hears later on would end the process until it does; SIGUSR2 means nothing here, and would end it for ever.
        for number in [SIGPIPE, SIGHUP, SIGUSR1, SIGUSR2] { signal(number, SIG_IGN) }
        // With these blocked it would never hear that it is to stop.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in heard { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}
