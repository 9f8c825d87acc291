// Reads files again that something was made of: all of them on SIGHUP, else those that have changed. One mechanism for
// settings, secrets and certificates, so that operators have one rule to remember: a file that is replaced is noticed
// within seconds, and one that is bad changes nothing.

import TLS

/// Looks at files and has them read. Belongs to the control loop.
final class Reloader {
    /// How often files are looked at, in milliseconds.
    static let period = 2_000

    private struct Source {
        var watch: FileWatch
        let read: () -> FileWatch
    }

    private var sources: [Source] = []
    private var looks: [(_ isAsked: Bool) -> Void] = []

    /// Adds something that is made of files.
    ///
    /// - Parameters:
    ///   - watch: over the files as they were before they were read.
    ///   - read: reads them, puts them into force if they are good, logs that, and returns the watch over what it has
    ///   read.
    func add(_ watch: FileWatch, read: @escaping () -> FileWatch) { sources.append(Source(watch: watch, read: read)) }

    /// Adds a file that is written to, which looks by itself where it is: at each look, and when everything is read.
    func add(_ look: @escaping (_ isAsked: Bool) -> Void) { looks.append(look) }

    /// Reads what has changed and come to rest. To be called every `period`.
    func look() {
        for index in sources.indices where sources[index].watch.haveChanged() {
            sources[index].watch = sources[index].read()
        }
        for look in looks { look(false) }
    }

    /// Reads everything.
    func readAll() {
        for look in looks { look(true) }
        for index in sources.indices { sources[index].watch = sources[index].read() }
    }
}
