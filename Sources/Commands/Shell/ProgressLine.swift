// What somebody at a terminal sees while a registry takes its time: nothing for a second, and then for whom we wait. It
// goes to standard error, so that what a script reads stays clean.

import Libevent
import System
import Time

final class ProgressLine {
    private static let period = 1_000

    private let place: String
    private let isTerminal = StandardStream.error.isTerminal
    private var start: MonotonicTime?
    private var hasWritten = false
    private var timer: LoopEvent?
    /// Bytes of the answer so far.
    var received = 0

    /// - Parameter place: what is waited for, in words.
    init(_ place: String, on loop: EventLoop) throws(LibeventError) {
        self.place = place
        timer = try LoopEvent.timer(on: loop) { [unowned self] _ in tick() }
    }

    func begin() {
        start = MonotonicClock.now()
        received = 0
        timer?.schedule(afterMilliseconds: Self.period)
    }

    func end() {
        start = nil
        if hasWritten, isTerminal { StandardStream.error.write("\r\u{1B}[K") }
        hasWritten = false
    }

    private func tick() {
        guard let start else { return }
        let seconds = (MonotonicClock.now() - start).wholeMilliseconds / 1_000
        let bytes = received > 0 ? ", \(received / 1_024) KB" : ""
        if isTerminal {
            StandardStream.error.write("\rwaiting for \(place): \(seconds) s\(bytes)\u{1B}[K")
        } else if !hasWritten {
            StandardStream.error.write("waiting for \(place)\n")
        }
        hasWritten = true
        timer?.schedule(afterMilliseconds: Self.period)
    }
}
