// Streams as their owner has them: bytes whole and in order, ends that are told once, and bounds that hold whatever the
// peer does.

import Glibc
import Testing

@testable import Libevent
@testable import TLS

struct StreamTests {
    /// Bytes in which a piece that is lost, doubled or moved is seen.
    private static func pattern(_ count: Int) -> [UInt8] {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
    }

    @Test(arguments: [false, true])
    func `bytes arrive whole and in order, both ways`(isSecure: Bool) throws {
        let certificates = try Certificates()
        let (a, b) = (
            try certificates.member("a", hosts: ["a"]),
            try certificates.member("b", hosts: ["b"], addresses: ["10.0.0.2"])
        )
        let bench = try StreamBench(security: isSecure ? certificates.accepting(a) : nil)
        let client = isSecure ? try certificates.connecting(b) : nil
        let bytes = Self.pattern(3_000_000)
        bench.react = { [unowned bench] isAccepter, id, event, onLoop in
            guard case .opened = event else { return }
            let streams = isAccepter ? bench.accepting : bench.connecting
            var rest = bytes[...]
            var size = 1
            while !rest.isEmpty {
                streams?.send(Array(rest.prefix(size)), on: id, onLoop)
                rest = rest.dropFirst(size)
                size = min(size * 2, 500_000)
            }
        }
        try bench.run({ bench.connect(security: client, $0) }) {
            bench.received(byAccepter: true).count >= bytes.count
                && bench.received(byAccepter: false).count >= bytes.count
        }
        #expect(bench.received(byAccepter: true) == bytes)
        #expect(bench.received(byAccepter: false) == bytes)
        let names = bench.opened(byAccepter: true).first?.peer.certificate?.names
        #expect(names == (isSecure ? ["DNS:b", "IP:10.0.0.2"] : nil))
        #expect(bench.opened(byAccepter: false).first?.peer.certificate?.names == (isSecure ? ["DNS:a"] : nil))
    }

    @Test func `a peer of another authority is refused by both sides`() throws {
        let (ours, theirs) = (try Certificates(), try Certificates())
        let bench = try StreamBench(security: ours.accepting(ours.member("a", hosts: ["a"])))
        let stranger = try theirs.connecting(theirs.member("b", hosts: ["b"]))
        try bench.run({ bench.connect(security: stranger, $0) }) { !bench.ends(ofAccepter: false).isEmpty }
        #expect(bench.opened(byAccepter: false).isEmpty && bench.opened(byAccepter: true).isEmpty)
    }

    @Test func `a plain peer does not open a stream on a TLS port`() throws {
        let certificates = try Certificates()
        let bench = try StreamBench(security: certificates.accepting(certificates.member("a", hosts: ["a"])))
        bench.react = { [unowned bench] isAccepter, id, event, onLoop in
            if !isAccepter, case .opened = event {
                bench.connecting?.send(Array("GET / HTTP/1.1\r\n\r\n".utf8), on: id, onLoop)
            }
        }
        try bench.run({ bench.connect($0) }) { !bench.ends(ofAccepter: true).isEmpty }
        #expect(bench.opened(byAccepter: true).isEmpty)
        #expect(bench.hostsOfEnded(ofAccepter: true) == ["127.0.0.1"], "so that the log can say who it was")
    }

    @Test func `a port that refuses is told as an end, and not from within the call`() throws {
        let bench = try StreamBench()
        let closed = try ListeningPort(address: "127.0.0.1", port: 0, count: 1)
        for descriptor in closed.descriptors { shutdownListening(descriptor) }
        var ids: [StreamID] = []
        try bench.run({ onLoop in
            ids = ["127.0.0.1", "not numeric"].compactMap {
                bench.connecting?.connect(to: $0, port: closed.port, within: 10_000, onLoop)
            }
            #expect(bench.told.isEmpty)
        }) { bench.ends(ofAccepter: false).count == 2 }
        #expect(ids.count == 2 && Set(ids).count == 2)
        #expect(bench.opened(byAccepter: false).isEmpty)
        #expect(Set(bench.hostsOfEnded(ofAccepter: false)) == ["127.0.0.1", "not numeric"])
    }

    @Test func `who is not admitted in time is closed, and who is stays`() throws {
        var limits = StreamLimits()
        limits.newcomerTime = 200
        let bench = try StreamBench(limits)
        bench.react = { [unowned bench] isAccepter, id, event, onLoop in
            guard case .opened = event else { return }
            if !isAccepter {
                bench.connecting?.admit(id, onLoop)
            } else if id.number == 2 {
                bench.accepting?.admit(id, onLoop)
            }
        }
        try bench.run({
            bench.connect($0)
            bench.connect($0)
        }) { bench.ends(ofAccepter: false).count == 1 }
        #expect(bench.ends(ofAccepter: true) == [.tooSlow])
        #expect(bench.ends(ofAccepter: false) == [.left])
        #expect(bench.accepting?.streams.count == 1)
    }

    @Test func `strangers beyond the bound are closed at once, until others have been admitted`() throws {
        var limits = StreamLimits()
        limits.newcomersOfHost = 2
        let bench = try StreamBench(limits)
        try bench.run({ onLoop in for _ in 0..<5 { bench.connect(onLoop) } }) {
            bench.ends(ofAccepter: false).count == 3
        }
        #expect(bench.opened(byAccepter: true).count == 2)
        let first = try #require(bench.opened(byAccepter: true).first?.id)
        try bench.run({ onLoop in
            bench.accepting?.admit(first, onLoop)
            bench.connect(onLoop)
        }) { bench.opened(byAccepter: true).count == 3 }
    }

    @Test func `those who are expected are let in though there are too many strangers, who are counted`() throws {
        var limits = StreamLimits()
        (limits.newcomers, limits.newcomersOfHost) = (2, 3)
        let bench = try StreamBench(limits)
        try bench.run({ onLoop in for _ in 0..<4 { bench.connect(onLoop) } }) {
            bench.ends(ofAccepter: false).count == 2
        }
        #expect(bench.accepting?.turnedAway == 2)
        bench.accepting?.expectedHosts = ["127.0.0.1"]
        try bench.run({ onLoop in for _ in 0..<2 { bench.connect(onLoop) } }) {
            bench.ends(ofAccepter: false).count == 3
        }
        #expect(bench.opened(byAccepter: true).count == 3)
    }

    @Test func `strangers who do not take their answer are dropped beyond the bound, and make room for others`() throws
    {
        var limits = StreamLimits()
        limits.departingNewcomers = 2
        let bench = try StreamBench(limits)
        bench.react = { [unowned bench] _, id, event, onLoop in
            guard case .opened = event else { return }
            bench.accepting?.send([1, 2, 3], on: id, onLoop)
            bench.accepting?.close(id, drainingFor: 60_000, onLoop)
        }
        // They read nothing, and so never learn that they may close.
        let clients = try (0..<5).map { _ in try RawClient(port: bench.port) }
        try bench.run(until: { bench.opened(byAccepter: true).count == 5 })
        #expect(bench.accepting?.streams.count == 2)
        withExtendedLifetime(clients) {}
    }

    @Test func `a provisional admission holds the place of a newcomer until its time`() throws {
        var limits = StreamLimits()
        limits.newcomersOfHost = 1
        limits.newcomerTime = 200
        let bench = try StreamBench(limits)
        bench.react = { [unowned bench] isAccepter, id, event, onLoop in
            if isAccepter, case .opened = event { bench.accepting?.admit(id, after: 400, onLoop) }
        }
        try bench.run({ onLoop in for _ in 0..<2 { bench.connect(onLoop) } }) {
            bench.ends(ofAccepter: false).count == 1
        }
        var next: StreamID?
        // Tries until its place is free: the first is admitted then, though its first deadline has passed long before.
        try bench.run({ next = bench.connect($0) }) {
            bench.opened(byAccepter: true).count == 2 || bench.ends(ofAccepter: false).count > 1
        }
        while bench.opened(byAccepter: true).count < 2 {
            let tried = bench.ends(ofAccepter: false).count
            try bench.run({ next = bench.connect($0) }) {
                bench.opened(byAccepter: true).count == 2 || bench.ends(ofAccepter: false).count > tried
            }
        }
        #expect(next != nil)
        #expect(bench.ends(ofAccepter: true).isEmpty)
    }

    @Test(arguments: [false, true])
    func `what is queued is written before a close`(isSecure: Bool) throws {
        let certificates = try Certificates()
        let member = try certificates.member("a", hosts: ["a"])
        let bench = try StreamBench(security: isSecure ? certificates.accepting(member) : nil)
        let client = isSecure ? try certificates.connecting(member) : nil
        let bytes = Self.pattern(5_000_000)
        bench.react = { [unowned bench] isAccepter, id, event, onLoop in
            guard isAccepter, case .opened = event else { return }
            bench.accepting?.send(bytes, on: id, onLoop)
            bench.accepting?.close(id, drainingFor: 10_000, onLoop)
            bench.accepting?.send([1], on: id, onLoop)
        }
        try bench.run({ bench.connect(security: client, $0) }) { !bench.ends(ofAccepter: false).isEmpty }
        #expect(bench.received(byAccepter: false) == bytes)
        #expect(bench.ends(ofAccepter: false) == [.left])
        #expect(bench.ends(ofAccepter: true).isEmpty)
    }

    @Test func `a close gives up on a peer that does not read`() throws {
        let bench = try StreamBench()
        bench.react = { [unowned bench] _, id, event, onLoop in
            guard case .opened = event else { return }
            bench.accepting?.admit(id, onLoop)
            bench.accepting?.send([UInt8](repeating: 7, count: 20_000_000), on: id, onLoop)
        }
        let client = try RawClient(port: bench.port)
        try bench.run(until: { bench.opened(byAccepter: true).count == 1 })
        var isClosed = false
        try bench.run({ bench.accepting?.closeAll(drainingFor: 300, $0) { _ in isClosed = true } }) { isClosed }
        #expect(bench.accepting?.streams.count == 0)
        #expect(bench.ends(ofAccepter: true).isEmpty)
        withExtendedLifetime(client) {}
    }

    @Test func `the owner is told once when there is room again, and knows how much is queued`() throws {
        let bench = try StreamBench()
        bench.react = { [unowned bench] _, id, event, onLoop in
            guard case .opened = event else { return }
            bench.accepting?.admit(id, onLoop)
            bench.accepting?.send([UInt8](repeating: 7, count: 20_000_000), on: id, onLoop)
        }
        let client = try RawClient(port: bench.port)
        try bench.run(until: { bench.opened(byAccepter: true).count == 1 })
        let accepted = try #require(bench.opened(byAccepter: true).first?.id)
        #expect((bench.accepting?.queuedBytes(on: accepted) ?? 0) > 1_000_000)
        try bench.run(until: {
            client.read()
            return client.received == 20_000_000 && bench.accepting?.queuedBytes(on: accepted) == 0
        })
        let drained = bench.told.count { told in if case .drained = told.event { true } else { false } }
        #expect(drained == 1)
    }

    @Test func `nothing is told of a stream that its owner has closed, and its number is not used again`() throws {
        let bench = try StreamBench()
        bench.react = { [unowned bench] isAccepter, id, event, onLoop in
            switch event {
            case .opened where isAccepter:
                bench.accepting?.send([1, 2, 3], on: id, onLoop)
            case .received where !isAccepter:
                bench.connecting?.close(id, onLoop)
                bench.connect(onLoop)
            default: break
            }
        }
        try bench.run({ bench.connect($0) }) { bench.ends(ofAccepter: true).count == 3 }
        #expect(bench.ends(ofAccepter: false).isEmpty)
        let numbers = bench.opened(byAccepter: false).map(\.id.number)
        #expect(Set(numbers).count == numbers.count)
    }

    @Test func `of a stream that is to be kept alive the kernel asks whether the other end is there`() throws {
        let bench = try StreamBench()
        bench.react = { [unowned bench] isAccepter, id, event, onLoop in
            if !isAccepter, case .opened = event { bench.connecting?.keepAlive(id, onLoop) }
        }
        try bench.run({ bench.connect($0) }) {
            bench.opened(byAccepter: true).count + bench.opened(byAccepter: false).count == 2
        }
        let socket = try #require(SocketOption.descriptor(connectedTo: bench.port))
        let tcp = Int32(IPPROTO_TCP)
        let options = [(SOL_SOCKET, SO_KEEPALIVE), (tcp, TCP_KEEPIDLE), (tcp, TCP_KEEPINTVL), (tcp, TCP_KEEPCNT)]
        #expect(
            options.map { SocketOption.value($0.1, level: $0.0, of: socket) } == [1, 5, 1, 3], "gone for eight seconds")
    }
}

private enum SocketOption {
    static func value(_ option: Int32, level: Int32, of descriptor: Int32) -> Int32? {
        var (value, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        return getsockopt(descriptor, level, option, &value, &size) == 0 ? value : nil
    }

    /// A socket of this process whose other end is this port.
    static func descriptor(connectedTo port: UInt16) -> Int32? {
        (0..<4_096 as Range<Int32>).first { descriptor in
            var (address, size) = (sockaddr_in(), socklen_t(MemoryLayout<sockaddr_in>.size))
            let isConnected = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &size) == 0 }
            }
            return isConnected && UInt16(bigEndian: address.sin_port) == port
        }
    }
}
