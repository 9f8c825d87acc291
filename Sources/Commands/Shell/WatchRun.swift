// A watch on the terminal: follows the stream of events, comes back with the id of the last one after the time that the
// stream has asked for, and goes on until it is interrupted.

import HTTP
import HTTPClient
import Libevent
import System

/// Follows one stream. Belongs to the main thread.
final class WatchRun {
    /// How long to wait before connecting again while the stream has not said, in milliseconds.
    private static let pause = 3_000
    /// Without a byte for so long the stream is dead, in milliseconds: it sends a comment every 15 seconds (W208).
    private static let silence = 45_000
    /// Bytes that are kept of a refusal.
    private static let longestRefusal = 65_536

    private let client: RegistryClient
    private let request: RegistryRequest
    /// What to do with an event and the id that was told with it; whether to go on.
    private let show: (StreamedEvent, String?) -> Bool
    private var reader: EventStreamReader
    private var head: ReceivedHead?
    private var refusal: [UInt8] = []
    private var hasConnected = false
    private var timer: LoopEvent?
    private var failure: CommandFailure?

    init(
        _ client: RegistryClient, _ request: RegistryRequest, after lastID: String?,
        _ show: @escaping (StreamedEvent, String?) -> Bool
    ) {
        self.client = client
        self.request = request
        self.show = show
        reader = EventStreamReader(after: lastID)
    }

    /// Returns when `show` has had enough; throws when the registry refuses, or never answers at all.
    func run() throws(CommandFailure) {
        do throws(LibeventError) {
            timer = try LoopEvent.timer(on: client.loop) { [unowned self] onLoop in connect(onLoop) }
        } catch {
            throw CommandFailure(status: .noAnswer, sentence: "no request can be made: \(error)")
        }
        try client.run { [self] onLoop in connect(onLoop) }
        if let failure { throw failure }
    }

    private func connect(_ onLoop: borrowing OnLoop) {
        head = nil
        refusal = []
        reader = EventStreamReader(after: reader.lastID)
        do throws(CommandFailure) {
            try client.stream(request, after: reader.lastID, silence: Self.silence, onLoop) {
                [unowned self] event, onLoop in
                came(event, onLoop)
            }
        } catch {
            stop(error, onLoop)
        }
    }

    private func came(_ event: ClientEvent, _ onLoop: borrowing OnLoop) {
        switch event {
        case .head(let head):
            self.head = head
            if head.status == 200 { hasConnected = true }
        case .body(let bytes):
            guard head?.status == 200 else {
                refusal += bytes.prefix(Self.longestRefusal - min(refusal.count, Self.longestRefusal))
                return
            }
            read(bytes, onLoop)
        case .ended:
            if let head, let failure = RegistryAnswer.failure(head, refusal, from: client.server) {
                // What passes by itself is waited for, once there was a stream.
                guard hasConnected, failure.status == .later || head.status >= 500 else { return stop(failure, onLoop) }
                again(failure.sentence)
            } else {
                again("the stream has ended")
            }
        case .failed(let reason):
            let sentence = TerminalText.escaped("no answer from \(client.server): \(reason)")
            guard hasConnected else {
                return stop(CommandFailure(status: .noAnswer, sentence: sentence), onLoop)
            }
            again(sentence)
        }
    }

    private func read(_ bytes: [UInt8], _ onLoop: borrowing OnLoop) {
        do throws(EventStreamReader.TooLong) {
            for event in try reader.read(bytes) where !show(event, reader.lastID) { return stop(nil, onLoop) }
        } catch {
            stop(CommandFailure(status: .noAnswer, sentence: "the stream has an event that is too long"), onLoop)
        }
    }

    private func again(_ sentence: String) {
        let pause = reader.retry ?? Self.pause
        StandardStream.error.write("\(sentence); connecting again in \((pause + 999) / 1_000) s\n")
        client.turnToNextServer()
        timer?.schedule(afterMilliseconds: pause)
    }

    private func stop(_ failure: CommandFailure?, _ onLoop: borrowing OnLoop) {
        self.failure = failure
        client.close(onLoop)
        client.loop.stop(onLoop)
    }
}
