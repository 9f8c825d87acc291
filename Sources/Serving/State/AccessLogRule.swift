// Which requests get a line in the access log. That may change while the registry runs, so the loops look it up for
// each request: one atomic load, and no lock.

package import Configuration
import HTTP
import Synchronization

/// The choice in force. Safe to use from any thread.
package final class AccessLogRule: Sendable {
    /// One byte, so that both halves change at once: the mode's place among all, and above it whether probes are
    /// logged.
    private let raw: Atomic<UInt8>
    private static let probes: UInt8 = 0x80

    package init(_ mode: AccessLogMode, probes: Bool) {
        raw = Atomic(Self.encoded(mode, probes))
    }

    /// Requests that are answered from now on are judged by this.
    package func change(to mode: AccessLogMode, probes: Bool) {
        raw.store(Self.encoded(mode, probes), ordering: .relaxed)
    }

    /// Whether a request that was answered with `status` gets a line.
    ///
    /// - Parameter isProbe: whether it is one of those that ask, every few seconds, whether the process is well.
    func admits(_ status: Status, isProbe: Bool) -> Bool {
        let raw = raw.load(ordering: .relaxed)
        return switch raw & ~Self.probes {
        case Self.encoded(.all, false): !isProbe || raw & Self.probes != 0 || !(200..<300).contains(status.rawValue)
        case Self.encoded(.errors, false): status.rawValue >= 400
        default: false
        }
    }

    private static func encoded(_ mode: AccessLogMode, _ probes: Bool) -> UInt8 {
        let mode: UInt8 =
            switch mode {
            case .all: 0
            case .errors: 1
            case .off: 2
            }
        return probes ? mode | Self.probes : mode
    }
}
