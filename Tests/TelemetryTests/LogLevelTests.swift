import Logging
import Testing

@testable import Telemetry

struct LogLevelTests {
    @Test(arguments: LogLevel.allCases)
    func `every level is known by its name in any case`(level: LogLevel) {
        #expect(LogLevel(name: level.name) == level)
        #expect(LogLevel(name: level.name.uppercased()) == level)
    }

    @Test func `warning is warn and nonsense is nothing`() {
        #expect(LogLevel(name: "Warning") == .warn)
        #expect(LogLevel(name: "") == nil)
        #expect(LogLevel(name: "verbose") == nil)
    }

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

    @Test func `formats are known by name`() {
        #expect(LogFormat(name: "JSON") == .json)
        #expect(LogFormat(name: "text") == .text)
        #expect(LogFormat(name: "logstash") == .logstash)
        #expect(LogFormat(name: "xml") == nil)
    }
}
