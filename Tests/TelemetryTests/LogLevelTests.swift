import Logging
import Testing

@testable import Telemetry

struct LogLevelTests {
    @Test(arguments: LogLevel.allCases)
    func `swift-log lets through exactly what the threshold admits`(threshold: LogLevel) {
        for level in Logger.Level.allCases {
            #expect((level >= threshold.swiftLogThreshold) == threshold.admits(LogLevel(level)), "\(level)")
        }
    }

    @Test func `the threshold panic still lets a dying process speak`() {
        #expect(LogLevel.panic.admits(LogLevel(.critical)))
        #expect(!LogLevel.panic.admits(.error))
    }
}
