// The settings as the rules of the border.

import HTTP
import Libevent

extension BorderRules {
    /// Descriptors that are not connections: listeners, event loops, files, and the connections that are being told that they are too many.
    static let otherDescriptors = 1_024

    /// What the settings come to for a process that may have so many files open.
    init(_ settings: Settings, openFiles: Int) {
        self.init()
        let room = openFiles - min(Self.otherDescriptors, openFiles / 2)
        connections = max(1, min(settings.maxConnections, room))
        connectionsPerClient = settings.maxConnectionsPerClient
        deadlines.header = settings.headerTimeout.wholeMilliseconds
        deadlines.request = settings.requestTimeout.wholeMilliseconds
        deadlines.idle = settings.idleTimeout.wholeMilliseconds
        deadlines.answer = settings.answerTimeout.wholeMilliseconds
        deadlines.portion = settings.maxBufferedOutput
        input = max(settings.maxBufferedInput, Self.leastInput(HTTP.Limits()))
        waitingOutput = settings.maxBufferedTotal
    }
}
