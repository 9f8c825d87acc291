// The settings as rules for connections.

import HTTP
import Libevent
import Testing

@testable import Configuration
@testable import RegistryServer

struct BorderRulesTests {
    @Test func `the limit on open files leaves room for what is no connection`() {
        var settings = Settings.defaults
        settings.maxConnections = 50_000
        #expect(BorderRules(settings, openFiles: .max).connections == 50_000)
        #expect(BorderRules(settings, openFiles: 20_000).connections == 18_976)
        #expect(BorderRules(settings, openFiles: 256).connections == 128)
        settings.maxConnections = 10
        #expect(BorderRules(settings, openFiles: 20_000).connections == 10)
    }

    @Test func `the defaults of the settings are the rules' own`() {
        #expect(BorderRules(.defaults, openFiles: .max) == BorderRules())
    }

    @Test func `reading never stops below the largest legal request`() {
        #expect(Settings.Limits.bufferedInput.lowerBound >= BorderRules.leastInput(RequestLimits()))
    }
}
