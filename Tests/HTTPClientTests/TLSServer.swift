// A server that answers every request over TLS with the same five bytes.

import Dispatch
import Libevent
import Synchronization
import System
import TLS
import TestSupport

final class TLSServer: Sendable {
    let port: UInt16
    private let stop: MailboxSender<Bool>
    private let ended = DispatchSemaphore(value: 0)

    init(_ context: TLSContext) throws {
        let listening = try LoopbackPort()
        port = listening.port
        let descriptor = listening.descriptor
        let sender = try MailboxSender<Bool>()
        stop = sender
        let thread = try NamedThread("tls server") { [ended] in
            defer { ended.signal() }
            do {
                let loop = try EventLoop()
                let box = StreamsBox()
                let streams = try Streams(on: loop) { id, event, onLoop in
                    guard case .received(let bytes) = event, bytes.suffix(4).elementsEqual(Array("\r\n\r\n".utf8))
                    else {
                        return
                    }
                    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
                    box.streams?.send(Array(answer.utf8), on: id, onLoop)
                }
                box.streams = streams
                let listener = try StreamListener(
                    listening: descriptor, for: streams, security: TLSContextBox(context))
                let mailbox = try Mailbox<Bool>(on: loop, receiving: sender) { _, onLoop in loop.stop(onLoop) }
                loop.run()
                withExtendedLifetime((listener, mailbox)) {}
                box.streams = nil
            } catch {}
        }
        thread.detach()
    }

    deinit {
        stop.send(true)
        _ = ended.wait(timeout: .now() + .seconds(Int(Deadline.patience)))
    }

    private final class StreamsBox { var streams: Streams? }
}
