// DNS by UDP on one loop. Whoever asks by a datagram sees no connection end: while the process finishes what others have
// begun, silence would cost a resolver seconds. So the socket answers until its loop ends.

package import Libevent
import System
package import Time

/// The datagrams of DNS. Belongs to its loop's thread.
package final class DNSDatagrams: LoopService {
    private let responder: DNSResponder
    private let socket: DatagramSocket
    package private(set) var isDrained = false

    /// Receives on `descriptor`, a bound socket, which it owns from now on.
    package init(
        on loop: EventLoop, bound descriptor: Int32, _ responder: DNSResponder,
        clock: @escaping () -> MonotonicTime = MonotonicClock.now
    ) throws(LibeventError) {
        self.responder = responder
        socket = try DatagramSocket(on: loop, bound: descriptor) { [responder] datagram, client, answer, _ in
            responder.answer(datagram, from: client, by: .udp, at: clock(), into: &answer)
        }
    }

    /// Holds nobody up. Queries are answered on, by the word that this server is of no use any more.
    package func drain(_ onLoop: borrowing OnLoop, whenDrained: @escaping (borrowing OnLoop) -> Void) {
        guard !isDrained else { return }
        responder.stop()
        isDrained = true
        whenDrained(onLoop)
    }
}
