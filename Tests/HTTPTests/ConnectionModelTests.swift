// The connection's machine through whatever may happen in whatever order: bytes in any pieces, past evhttp and by it,
// answers at once, later or as streams, a client that ends, goes or reads slowly, deadlines, refusals, a drain. Each
// seed is one life of a connection.

import Testing

@testable import HTTP

struct ConnectionModelTests {
    /// Else the lives are too much alike to show anything.
    private static let variety: Set = [
        "asked past evhttp", "asked by evhttp", "answer of ", "answer at once", "stream past evhttp",
        "stream by evhttp", "piece",
        "stream's end", "end", "end, seen by evhttp", "delayed end", "lost", "drain", "drained stream", "wrote ",
        "excision", "refusal", "refused at the door", "end of sending", "closed when idle", "closed", "late: idle",
        "late: header", "late: request", "late: answer", "late: leaving",
    ]

    private static let lives: UInt64 = 800

    private func step(_ scene: ConnectionScene) {
        switch Int.random(in: 0..<26, using: &scene.random) {
        case 0...3: scene.send()
        case 4...8: scene.read()
        case 9...12: scene.answerAwaited()
        case 13...18: scene.flush(atMost: [0, 1, 100, 5_000, .max][Int.random(in: 0..<5, using: &scene.random)])
        case 19...21: scene.endTurn()
        case 22: if scene.chance(3) { scene.endSending() }
        case 23: if scene.chance(20) { scene.vanish() }
        case 24: if scene.chance(10) { scene.drain() }
        case 25: scene.sweep(after: .random(in: 0...scene.longestPause, using: &scene.random))
        default: break
        }
    }

    /// Lets all come to its end: the client sends and takes everything, the handler answers, and then the client goes.
    private func calmDown(_ scene: ConnectionScene) {
        for _ in 0..<3_000 where !scene.isClosed && scene.complaint == nil {
            scene.sendAll()
            scene.read()
            check(scene)
            scene.endTurn()
            check(scene)
            scene.answerAwaited()
            check(scene)
            scene.flush(atMost: .max)
            check(scene)
            scene.endSending()
        }
        // A refused client that stays silent.
        for _ in 0..<40 where !scene.isClosed && scene.isRefused && scene.complaint == nil {
            scene.sweep(after: 250)
            scene.flush(atMost: .max)
            scene.endTurn()
        }
        if !scene.isClosed { scene.fail("the connection does not end") }
    }

    private func check(_ scene: ConnectionScene) {
        if scene.complaint == nil { scene.machine.checkInvariants() }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `whatever happens in whatever order, a connection keeps its promises`(part: UInt64) {
        var seen: Set<String> = []
        for seed in part * Self.lives..<(part + 1) * Self.lives {
            let scene = ConnectionScene(seed: seed)
            for _ in 0..<200 where !scene.isClosed && scene.complaint == nil {
                step(scene)
                check(scene)
            }
            if scene.complaint == nil { calmDown(scene) }
            seen.formUnion(scene.seen)
            if let complaint = scene.complaint {
                Issue.record("\(complaint)")
                return
            }
        }
        #expect(seen.isSuperset(of: Self.variety), "never: \(Self.variety.subtracting(seen).sorted())")
    }
}
