import TestTime
import Testing
import Time

@testable import Replication

struct ChangeScheduleTests {
    @Test func `heartbeats are told a few times a second, and what is left of changes with the next tick`() {
        var schedule = ChangeSchedule()
        var due: [ChangeSchedule.Due?] = []
        for now in [0, 100, 200, 300, 400, 500] as [MonotonicTime] {
            schedule.hasMore = now == 100
            due.append(schedule.due(period: 200, at: now))
        }
        #expect(due == [.all, .changes, .all, nil, .all, nil])
    }
}

struct WaitLineHoldTests {
    @Test func `what is held for something is not answered before, and what comes after it neither`() {
        var line = WaitLine()
        let numbers = (1...3).map { line.add(AcknowledgmentTicket(loop: 0, number: $0), until: 100) }
        line.hold(numbers[1], until: .told)
        line.hold(numbers[2], until: .told)
        #expect(line.firstHeld == numbers[1], "the first counts")
        #expect(
            line.isHeld(numbers[2], until: .told) && !line.isHeld(numbers[0], until: .told)
                && !line.isHeld(numbers[2], until: .reached))
        line.hold(numbers[0], until: .reached)
        #expect(line.firstHeld == numbers[0])
        #expect(line.release(.reached) == numbers[0])
        #expect(line.release(.reached) == nil)
        let answered = line.complete(before: line.firstHeld ?? .max)
        #expect(answered.map(\.number) == [1])
        #expect(line.release(.told) == numbers[1])
        #expect(line.firstHeld == nil)
    }
}
