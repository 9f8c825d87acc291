// Times and spans as a person reads them in a table. The registry's clock counts, by the `Date` of its answer: how long
// ago something was is then right however wrong the clock of this machine is.

import HTTP
import Text

enum TimeText {
    private static let second: Int64 = 1_000_000_000

    /// The time of the registry, in nanoseconds since 1970, by an answer's head; `otherwise` where it does not say.
    static func now(by head: ReceivedHead, otherwise: Int64) -> Int64 {
        head.first("Date").flatMap { HTTPDate.parse(Array($0.utf8)) } ?? otherwise
    }

    /// How long ago a time of RFC 3339 was: `3s`, `5m12s`, `2h3m`, `4d2h`. Nil when it is no such time.
    static func age(of time: String?, at now: Int64) -> String? {
        guard let time, let moment = GoTime.parse(Array(time.utf8)) else { return nil }
        return span(nanoseconds: max(0, now - moment))
    }

    /// A span by its two largest units, as far as they are not zero.
    static func span(nanoseconds: Int64) -> String {
        let seconds = nanoseconds / second
        switch seconds {
        case ..<1: return nanoseconds < 1_000_000 ? "0s" : "\(nanoseconds / 1_000_000)ms"
        case ..<60: return "\(seconds)s"
        case ..<3_600: return pair(seconds / 60, "m", seconds % 60, "s")
        case ..<86_400: return pair(seconds / 3_600, "h", seconds % 3_600 / 60, "m")
        default: return pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h")
        }
    }

    static func span(milliseconds: Int) -> String { span(nanoseconds: Int64(milliseconds) * 1_000_000) }

    private static func pair(_ first: Int64, _ firstUnit: String, _ second: Int64, _ secondUnit: String) -> String {
        second == 0 ? "\(first)\(firstUnit)" : "\(first)\(firstUnit)\(second)\(secondUnit)"
    }

    /// A time of RFC 3339 to the second, in UTC as it came: `2026-11-29T12:00:05Z`. As it is when it is none.
    static func short(_ time: String?) -> String? {
        guard let time, GoTime.parse(Array(time.utf8)) != nil, time.hasSuffix("Z") else { return time }
        return "\(time.prefix(19))Z"
    }
}
