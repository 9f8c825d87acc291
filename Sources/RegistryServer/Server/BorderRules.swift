// The settings as the rules of the border.

import Configuration
import HTTP
import Libevent

extension BorderRules {
    /// Descriptors that are not connections: listeners, event loops, files, and the connections that are being told that they are too many.
    static let otherDescriptors = 1_024
    /// Descriptors that are kept for peers, beyond the above.
    static let peerDescriptors = 512

    /// What the settings come to for a process that may have so many files open.
    package init(_ settings: Settings, openFiles: Int) {
        self.init()
        let kept = Self.otherDescriptors + (settings.replication ? Self.peerDescriptors : 0)
        let room = openFiles - min(kept, openFiles / 2)
        connections = max(1, min(settings.maxConnections, room))
        connectionsPerClient = settings.maxConnectionsPerClient
        deadlines.header = settings.headerTimeout.wholeMilliseconds
        deadlines.request = settings.requestTimeout.wholeMilliseconds
        deadlines.idle = settings.idleTimeout.wholeMilliseconds
        deadlines.answer = settings.answerTimeout.wholeMilliseconds
        deadlines.portion = settings.maxBufferedOutput
        input = max(settings.maxBufferedInput, Self.leastInput(RequestLimits()))
        waitingOutput = settings.maxBufferedTotal
    }
}
