// A few hundred requests fit into what is read of a client at once. That they came together does not give them the loop
// together.

import HTTP
import Synchronization
import System
import TestSupport
import Testing
import Time

struct PipelinedTurnTests {
    private final class Scene: Sendable {
        let answered = Atomic<Int>(0)
        let hasBegun: WakeSignal
        let mayGoOn: WakeSignal

        init() throws {
            hasBegun = try WakeSignal()
            mayGoOn = try WakeSignal()
        }
    }

    @Test func `another client is served between requests that came together and take their time`() throws {
        let count = 40
        let scene = try Scene()
        let server = try LiveServer { _ in
            LoopHandler(
                respond: { request in
                    guard request.head.method == .get else { return Response(.ok) }
                    if scene.answered.load(ordering: .relaxed) == 0 {
                        scene.hasBegun.raise()
                        scene.mayGoOn.wait(until: MonotonicClock.now() + .seconds(30))
                    } else {
                        // Longer than all that one client's requests may take together.
                        let end = MonotonicClock.milliseconds() + 7
                        while MonotonicClock.milliseconds() < end {}
                    }
                    scene.answered.add(1, ordering: .relaxed)
                    return Response(.ok)
                })
        }
        let (many, other) = (try ClientConnection(port: server.port), try ClientConnection(port: server.port))
        // So that both are known.
        for client in [many, other] {
            try client.send(TestRequest("PUT", "/").bytes)
            #expect(try client.answer(to: "PUT").status == 200)
        }
        try many.send([[UInt8]](repeating: TestRequest.get("/").bytes, count: count).flatMap(\.self))
        try #require(scene.hasBegun.wait(until: MonotonicClock.now() + .seconds(30)))
        try other.send(TestRequest("PUT", "/").bytes)
        scene.mayGoOn.raise()
        #expect(try other.answer(to: "PUT between them").status == 200)
        #expect(scene.answered.load(ordering: .relaxed) < count / 2)
        for number in 0..<count { #expect(try many.answer(to: "GET \(number)").status == 200) }
        #expect(scene.answered.load(ordering: .relaxed) == count)
    }
}
