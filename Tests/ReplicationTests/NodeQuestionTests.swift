// What a node asks the others of an id that is unknown to it, and when it is sure of what it then knows.

import Catalog
import TestTime
import Testing
import Time

@testable import Replication

struct NodeQuestionTests {
    private static let key = StateKey(namespace: Namespace("t"), id: .digest(1))

    private static func answers(_ directives: [Directive]) -> [String] {
        directives.compactMap {
            if case .answered(let ticket, let isSure) = $0 {
                "\(ticket.number) \(isSure ? "sure" : "unsure")"
            } else {
                nil
            }
        }
    }

    private static func questions(_ frames: [Frame]) -> [UInt64] {
        frames.compactMap { if case .question(let number, _) = $0 { number } else { nil } }
    }

    private static func ask(_ bench: NodeBench, _ number: UInt64, _ key: StateKey = key) -> [Directive] {
        bench.tell { $0.ask(QuestionTicket(loop: 0, number: number), key, at: bench.time) }
    }

    /// A node that hears so many members.
    private static func bench(_ members: UInt64, versions: ClosedRange<UInt16> = FrameCodec.versions) throws -> (
        NodeBench, [LinkID]
    ) {
        let bench = NodeBench()
        bench.tell { $0.members(Set((1...members).map(bench.address)), isComplete: true, at: bench.time) }
        return (bench, try (1...members).map { try bench.dial(member: $0, at: bench.address($0), versions: versions) })
    }

    private static let nothing = States(states: [], count: 0, hash: 0)

    private static var something: States {
        let replica = Replica.present(
            ClusterStoryTests.instance(Key(namespace: key.namespace, id: key.id)),
            Version(time: HybridTime(bits: UInt64(1_790_000_000_000) << 16), origin: MemberID(bits: 9)),
            Heartbeat(age: 0, wall: 0))
        return States(states: [Replicated(namespace: key.namespace, replica: replica)], count: 1, hash: 0)
    }

    @Test func `it is sure when all have answered, and knows what they know`() throws {
        let (bench, links) = try Self.bench(2)
        let asked = Self.ask(bench, 1)
        let numbers = try links.map { try #require(Self.questions(bench.frames(on: $0, in: asked)).first) }
        #expect(Self.answers(bench.say(.answer(number: numbers[0], Self.nothing), on: links[0])).isEmpty)
        #expect(Self.answers(bench.say(.answer(number: numbers[1], Self.something), on: links[1])) == ["1 sure"])
        #expect(bench.store.instance(Self.key.id, in: Self.key.namespace, at: bench.time.moment.lease) != nil)
    }

    @Test func `it is not sure when the bound has passed, a link has ended, or there is nobody to ask`() throws {
        let (bench, links) = try Self.bench(2)
        _ = Self.ask(bench, 1)
        #expect(bench.node.nextDeadline == bench.now + NodeLimits().acknowledgeTimeout)
        bench.now += NodeLimits().acknowledgeTimeout
        #expect(Self.answers(bench.tell { $0.expireWaits(at: bench.time) }) == ["1 unsure"])
        #expect(bench.node.nextDeadline == nil)
        let number = try #require(Self.questions(bench.frames(on: links[0], in: Self.ask(bench, 2))).first)
        bench.say(.answer(number: number, Self.nothing), on: links[0])
        #expect(Self.answers(bench.tell { $0.linkClosed(links[1], at: bench.time) }) == ["2 unsure"])
        bench.tell { $0.linkClosed(links[0], at: bench.time) }
        #expect(Self.answers(Self.ask(bench, 3)) == ["3 unsure"])
    }

    @Test func `one question an id at a time, and who came meanwhile is served by the next`() throws {
        let (bench, links) = try Self.bench(1)
        let first = try #require(Self.questions(bench.frames(on: links[0], in: Self.ask(bench, 1))).first)
        for number in UInt64(2)...3 {
            #expect(try Self.questions(bench.frames(on: links[0], in: Self.ask(bench, number))).isEmpty)
        }
        let told = bench.say(.answer(number: first, Self.nothing), on: links[0])
        #expect(Self.answers(told) == ["1 sure"])
        let second = try #require(Self.questions(bench.frames(on: links[0], in: told)).first)
        #expect(
            Self.answers(bench.say(.answer(number: first, Self.nothing), on: links[0])).isEmpty,
            "that was the first one's")
        #expect(Self.answers(bench.say(.answer(number: second, Self.nothing), on: links[0])) == ["2 sure", "3 sure"])
    }

    @Test func `no more than a thousand ids are asked for at once`() throws {
        let (bench, _) = try Self.bench(1)
        for number in 0..<UInt64(QuestionLine.idLimit) {
            #expect(
                Self.answers(Self.ask(bench, number, StateKey(namespace: Namespace("t"), id: .digest(number)))).isEmpty)
        }
        #expect(
            Self.answers(Self.ask(bench, 5_000, StateKey(namespace: Namespace("t"), id: .digest(5_000)))) == [
                "5000 unsure"
            ])
        bench.now += NodeLimits().acknowledgeTimeout
        #expect(Self.answers(bench.tell { $0.expireWaits(at: bench.time) }).count == QuestionLine.idLimit)
        #expect(Self.answers(Self.ask(bench, 5_001)).isEmpty)
    }

    @Test func `a member of the version before is asked for the state, and its pong says that it has none`() throws {
        let (bench, links) = try Self.bench(1, versions: 2...2)
        let asked = Self.ask(bench, 1)
        #expect(try bench.frames(on: links[0], in: asked).map(\.name) == ["askStates", "ping"])
        let told = try #require(
            try bench.frames(on: links[0], in: asked).compactMap {
                if case .ping(let beat) = $0 { beat.token } else { nil }
            }.first)
        #expect(Self.answers(bench.say(.pong(token: told - 1), on: links[0])).isEmpty)
        #expect(Self.answers(bench.say(.pong(token: told), on: links[0])) == ["1 sure"])
    }

    @Test func `who is asked tells the state, or that it knows of none`() throws {
        let bench = NodeBench()
        bench.register(1)
        let link = try bench.accept(member: 1)
        for (id, count) in [(UInt64(1), 1), (2, 0)] {
            let told = bench.say(.question(number: id, StateKey(namespace: Namespace("t"), id: .digest(id))), on: link)
            let answers = try bench.frames(on: link, in: told).compactMap { frame -> Int? in
                if case .answer(id, let states) = frame { states.states.count } else { nil }
            }
            #expect(answers == [count])
        }
    }

    @Test func `who is left out and waits for us is not asked: what it has acknowledged is here`() throws {
        let (bench, links) = try Self.bench(2)
        for link in links { bench.say(.notice(.waitedFor), on: link) }
        _ = try bench.acceptPrompt(member: 2)
        bench.register(7)
        bench.tell { $0.acknowledge(AcknowledgmentTicket(loop: 0, number: 1), at: bench.time) }
        bench.now += NodeLimits().acknowledgeTimeout
        bench.tell { $0.expireWaits(at: bench.time) }
        let asked = Self.ask(bench, 1)
        #expect(try Self.questions(bench.frames(on: links[0], in: asked)).count == 1)
        #expect(try Self.questions(bench.frames(on: links[1], in: asked)).isEmpty)
    }
}
