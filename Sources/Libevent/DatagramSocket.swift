// One UDP socket of a loop. Datagrams are received many at a time, since a system call for each would cost more than
// most answers, and so many in a turn that others get theirs. An answer leaves by the address that was asked: a host
// with several of them would otherwise answer a client from an address that it does not know.

import Glibc
import System
package import Text

/// Receives and sends datagrams. Belongs to its loop's thread.
package final class DatagramSocket: LoopService {
    /// The sender of a datagram, and the local address at which it arrived. Valid for as long as one likes; a client
    /// may be gone by then.
    package struct Peer: Sendable {
        fileprivate let address: SocketAddress
        /// The address and interface of this host, as the kernel gives them and takes them back; empty where it gives
        /// none.
        fileprivate let local: ArrivalAddress

        /// The client's numeric address, without the port.
        package var host: String { address.host }
        package var port: UInt16 { address.port }
    }

    /// Reads one datagram. The bytes are only there during the call.
    package typealias Handler = (_ datagram: Span<UInt8>, _ peer: Peer, _ onLoop: borrowing OnLoop) -> Void

    /// Reads one datagram and appends the answer to it to `answer`, which is empty; nothing is no answer. Answers are
    /// sent many at a time.
    package typealias Answerer = (
        _ datagram: Span<UInt8>, _ client: IPAddress, _ answer: inout [UInt8], _ onLoop: borrowing OnLoop
    ) -> Void

    /// What has happened to datagrams so far.
    package struct Counts: Sendable, Equatable {
        package var received: UInt64 = 0
        /// Longer than `longest`, and thrown away.
        package var tooLong: UInt64 = 0
        package var sent: UInt64 = 0
        /// Not taken by the kernel, and lost as the network loses them.
        package var unsent: UInt64 = 0
    }

    /// The longest datagram that is received, in bytes: what EDNS clients offer (RFC 6891, section 6.2.5).
    package static let longest = 4_096
    /// Datagrams of one system call, and of one turn of the loop.
    private static let batchSize = 32
    static let perTurn = 64

    /// What is done with datagrams.
    private enum Use {
        case handle(Handler)
        case answer(Answerer)
    }

    /// Bytes of answers that are sent together.
    private static let answerBytes = 256 << 10

    private let descriptor: Int32
    private let use: Use
    private var event: LoopEvent?
    private var batch: DatagramBatch
    /// The answer that is being made.
    private var answer: [UInt8] = []
    package private(set) var counts = Counts()

    /// Receives on `descriptor`, a bound socket (`ListeningPort` makes them), which it owns from now on.
    package convenience init(on loop: EventLoop, bound descriptor: Int32, handler: @escaping Handler)
        throws(LibeventError)
    {
        try self.init(on: loop, descriptor, .handle(handler), answerBytes: 0)
    }

    /// The same, where each datagram is answered at once or not at all. No answer is longer than a datagram can be.
    package convenience init(on loop: EventLoop, bound descriptor: Int32, answering: @escaping Answerer)
        throws(LibeventError)
    {
        try self.init(on: loop, descriptor, .answer(answering), answerBytes: Self.answerBytes)
    }

    private init(on loop: EventLoop, _ descriptor: Int32, _ use: Use, answerBytes: Int) throws(LibeventError) {
        self.descriptor = descriptor
        self.use = use
        batch = DatagramBatch(count: Self.batchSize, longest: Self.longest, answerBytes: answerBytes)
        event = try LoopEvent.readable(descriptor, on: loop) { [unowned self] onLoop in receive(onLoop) }
    }

    deinit {
        event = nil
        close(descriptor)
    }

    private func receive(_ onLoop: borrowing OnLoop) {
        var taken = 0
        while taken < Self.perTurn, event != nil {
            let count = batch.receive(from: descriptor)
            guard count > 0 else { return }
            taken += count
            for index in 0..<count {
                guard event != nil else { break }
                guard !batch.isCut(index) else {
                    counts.tooLong += 1
                    continue
                }
                switch use {
                case .handle(let handler):
                    guard let peer = peer(index) else { continue }
                    counts.received += 1
                    unsafe handler(batch.bytes(index).span, peer, onLoop)
                case .answer(let answerer):
                    guard let client = client(index) else { continue }
                    counts.received += 1
                    answer.removeAll(keepingCapacity: true)
                    unsafe answerer(batch.bytes(index).span, client, &answer, onLoop)
                    keepAnswer(to: index)
                }
            }
            sendAnswers()
            // Fewer than there is room for: there were no more.
            if count < Self.batchSize { return }
        }
    }

    /// Nil when the address is of no family that is known here.
    private func peer(_ index: Int) -> Peer? {
        unsafe batch.withAddress(index) { unsafe SocketAddress($0, length: $1) }.map {
            Peer(address: $0, local: batch.arrival(index))
        }
    }

    private func client(_ index: Int) -> IPAddress? {
        unsafe batch.withAddress(index) { unsafe SocketAddress.ip(of: $0, length: $1) }
    }

    private func keepAnswer(to index: Int) {
        guard !answer.isEmpty, !batch.keepAnswer(answer, to: index) else { return }
        sendAnswers()
        if !batch.keepAnswer(answer, to: index) { counts.unsent += 1 }
    }

    private func sendAnswers() {
        let (sent, unsent) = batch.sendAnswers(by: descriptor)
        counts.sent += UInt64(sent)
        counts.unsent += UInt64(unsent)
    }

    /// Sends one datagram, now or never: false when the kernel does not take it.
    @discardableResult
    package func send(_ bytes: [UInt8], to peer: Peer) -> Bool {
        let isSent = unsafe bytes.withUnsafeBytes { bytes in
            unsafe peer.address.withSockaddr {
                unsafe DatagramBatch.send(bytes, to: $0, length: $1, from: peer.local, by: descriptor)
            }
        }
        if isSent { counts.sent += 1 } else { counts.unsent += 1 }
        return isSent
    }

    // MARK: - Stopping

    package var isDrained: Bool { event == nil }

    /// Receives nothing any more. Nothing was begun that could be finished: an answer that is still to come can be
    /// sent.
    package func drain(_ onLoop: borrowing OnLoop, whenDrained: @escaping (borrowing OnLoop) -> Void) {
        guard event != nil else { return }
        event = nil
        whenDrained(onLoop)
    }
}
