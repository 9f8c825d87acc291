// The settings as limits on connections.

package import Configuration
import HTTP
package import Libevent

extension LimitRules {
    /// Descriptors that are not connections: listeners, event loops, files, and connections over the limit that are
    /// being refused.
    static let otherDescriptors = 1_024
    /// Descriptors that are kept for peers, beyond the above.
    static let peerDescriptors = 512

    /// The limits for a process that may have this many files open.
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
