// Fragments on their way through libevent: nothing is lost, nothing is kept.

import Glibc
import HTTP
import Synchronization
import TestSupport
import Testing

/// Looks at a fragment without holding it.
private final class Witness: Sendable {
    private struct Weak {
        weak var fragment: Fragment?
    }

    private let seen = Mutex<[Weak]>([])

    func watch(_ fragment: Fragment) { seen.withLock { $0.append(Weak(fragment: fragment)) } }

    /// How many of those watched are held by somebody.
    var held: Int { seen.withLock { $0.count { $0.fragment != nil } } }

    /// Waits until nobody holds any.
    func waitUntilReleased() throws {
        let deadline = Deadline()
        while held > 0 {
            guard deadline.remainingMilliseconds > 0 else {
                throw WaitedInVain(for: "the fragments to be let go of", "\(held) are held")
            }
            sched_yield()
        }
    }
}

struct SharedBodyTests {
    private static func fragments(_ sizes: [Int]) -> [Fragment] {
        sizes.enumerated().map { index, size in Fragment([UInt8](repeating: UInt8(0x61 + index % 26), count: size)) }
    }

    @Test(
        arguments: [
            [], [0], [1], [0, 5, 0], [10, 20_000, 1, 300_000, 2], [Int](repeating: 700, count: 300), [3_000_000],
        ] as [[Int]])
    func `a chain arrives as its fragments, and is let go of`(_ sizes: [Int]) throws {
        let witness = Witness()
        let server = try LiveServer { _ in
            LoopHandler(
                respond: { _ in
                    let fragments = Self.fragments(sizes)
                    for fragment in fragments { witness.watch(fragment) }
                    return Response(.ok, contentType: .json, shared: FragmentChain(fragments))
                })
        }
        let expected = Self.fragments(sizes).flatMap(\.bytes)
        let connection = try ClientConnection(port: server.port)
        for _ in 0..<3 {
            try connection.send(TestRequest.get("/").bytes)
            #expect(try connection.answer(to: "GET").body == expected)
            try connection.send(TestRequest("HEAD", "/").bytes)
            #expect(try connection.answer(to: "HEAD", isToHead: true)["Content-Length"] == "\(expected.count)")
        }
        try witness.waitUntilReleased()
    }

    @Test func `what a client does not read is let go of when it leaves`() throws {
        let witness = Witness()
        let shared = Mutex<FragmentChain?>(FragmentChain(Self.fragments([4_000_000, 10, 4_000_000])))
        shared.withLock { chain in for fragment in chain?.fragments ?? [] { witness.watch(fragment) } }
        let server = try LiveServer { _ in
            LoopHandler(
                respond: { _ in
                    let chain = shared.withLock { $0 } ?? FragmentChain([])
                    return Response(.ok, contentType: .json, shared: chain)
                })
        }
        do {
            let idle = try (0..<4).map { _ in try ClientConnection(port: server.port) }
            for connection in idle { try connection.send(TestRequest.get("/").bytes) }
            let reader = try ClientConnection(port: server.port)
            try reader.send(TestRequest.get("/").bytes)
            #expect(try reader.answer(to: "GET").body.count == 8_000_010)
            shared.withLock { $0 = nil }
            #expect(witness.held == 3, "those that do not read are still to be written to")
        }
        try witness.waitUntilReleased()
    }
}
