// How a process ends: sysexits.h, and 128 plus the signal's number where a second signal cut it short.

enum ExitStatus {
    static let usage: Int32 = 64
    static let unavailable: Int32 = 69
    static func cutShort(by signal: Int32) -> Int32 { 128 + signal }
}
