// A story: a few members over a network that is always as quick, chapters that say what happens to them, and the
// transcript, held against the one that is kept in testdata. UPDATE_STORIES=1 writes what is kept anew; the difference
// is then for a reviewer to read.

import Catalog
import Foundation
import TestTime
import Testing
import Time

final class Story {
    let simulation: Simulation
    private let name: String
    private let transcript: Transcript

    var members: [SimulatedMember] { simulation.members }

    /// - Parameter name: of the file in testdata, without its extension.
    init(_ name: String, members: Int) {
        self.name = name
        simulation = Simulation(memberCount: members, isSteady: true)
        transcript = Transcript(simulation: simulation)
        simulation.transcript = transcript
    }

    /// Starts all members and lets them come to rest. Nothing of it is told before the first chapter.
    func startAll() {
        for member in members { member.start() }
        simulation.run(for: 8_000)
    }

    /// Something happens, and so much time passes.
    func chapter(_ title: String, milliseconds: Int64, _ action: () -> Void) {
        transcript.begin(title)
        action()
        simulation.run(for: .milliseconds(milliseconds))
    }

    /// A client registers an instance at a member, and waits for its answer.
    func register(_ number: UInt64, at member: SimulatedMember, ttl: Int64 = 60_000) {
        let key = ClusterStoryTests.key(number)
        transcript.does(member, "a client registers #\(number)")
        _ = member.apply(.register(ClusterStoryTests.instance(key, ttl: ttl)), in: key.namespace)
        member.whenAcknowledged { [transcript] in transcript.does(member, "the client of #\(number) is answered") }
    }

    /// A client deregisters an instance at a member, and waits for its answer.
    func deregister(_ number: UInt64, at member: SimulatedMember) {
        let key = ClusterStoryTests.key(number)
        transcript.does(member, "a client deregisters #\(number)")
        _ = member.apply(.deregister(key.id), in: key.namespace)
        member.whenAcknowledged { [transcript] in transcript.does(member, "the client of #\(number) is answered") }
    }

    func cut(_ one: SimulatedMember, _ other: SimulatedMember) {
        simulation.network.cut(one, other)
        simulation.network.cut(other, one)
    }

    /// Holds the transcript against the one that is kept.
    func check(at location: SourceLocation = #_sourceLocation) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "testdata")
        let file = folder.appending(path: "\(name).txt")
        let told = transcript.lines.joined(separator: "\n") + "\n"
        if ProcessInfo.processInfo.environment["UPDATE_STORIES"] == "1" {
            try told.write(to: file, atomically: true, encoding: .utf8)
        }
        let kept = try String(contentsOf: file, encoding: .utf8)
        guard told != kept else { return }
        let (now, before) = (told.split(separator: "\n"), kept.split(separator: "\n"))
        let line =
            zip(now, before).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? min(now.count, before.count)
        Issue.record(
            """
            \(name).txt tells another story from this line on; UPDATE_STORIES=1 writes it anew, for you to read the difference:
            kept: \(line < before.count ? before[line] : "nothing more")
            told: \(line < now.count ? now[line] : "nothing more")
            """, sourceLocation: location)
    }
}
