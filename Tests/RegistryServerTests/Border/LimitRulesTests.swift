// The settings as rules for connections.

import HTTP
import Libevent
import Testing

@testable import Configuration
@testable import RegistryServer

struct LimitRulesTests {
    @Test func `the limit on open files leaves room for what is no connection`() {
        var settings = Settings.defaults
        settings.maxConnections = 50_000
        #expect(LimitRules(settings, openFiles: .max).connections == 50_000)
        #expect(LimitRules(settings, openFiles: 20_000).connections == 18_976)
        #expect(LimitRules(settings, openFiles: 256).connections == 128)
        settings.maxConnections = 10
        #expect(LimitRules(settings, openFiles: 20_000).connections == 10)
    }

    @Test func `the defaults of the settings are the rules' own`() {
        #expect(LimitRules(.defaults, openFiles: .max) == LimitRules())
    }

    @Test func `reading never stops below the largest legal request`() {
        #expect(Settings.Limits.bufferedInput.lowerBound >= LimitRules.leastInput(RequestLimits()))
    }
}
