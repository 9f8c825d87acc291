import TestTime
import Testing
import Time

@testable import Replication

struct AttendanceTests {
    private static func attendance() -> Attendance {
        var attendance = Attendance(timeout: 100)
        attendance.begin(at: 0)
        return attendance
    }

    /// When it is waited for, having acknowledged things so many milliseconds after they were sent.
    @Test(
        arguments: [
            ([(0, 10)], 10), ([(0, 50)], 50), ([(0, 51)], nil), ([(0, 51), (100, 110)], nil),
            ([(0, 51), (5_100, 5_110)], 5_110),
            ([(0, 51), (3_000, 3_060), (5_100, 5_110), (8_061, 8_062)], 8_062),
        ] as [([(sent: MonotonicTime, heard: MonotonicTime)], MonotonicTime?)])
    func `it is waited for when it is prompt, and has not been late for five seconds`(
        heard: [(sent: MonotonicTime, heard: MonotonicTime)], admitted: MonotonicTime?
    ) {
        var attendance = Self.attendance()
        var at: MonotonicTime?
        for event in heard {
            attendance.acknowledged(sentAt: event.sent, at: event.heard)
            if attendance.admit(at: event.heard) { at = event.heard }
        }
        #expect(at == admitted)
    }

    @Test func `what is not acknowledged yet makes it late too`() {
        var attendance = Self.attendance()
        attendance.awaited(sentAt: 0, at: 51)
        attendance.acknowledged(sentAt: 60, at: 61)
        let isEarly = attendance.admit(at: 61)
        let isDue = attendance.admit(at: 51 + Attendance.probation)
        #expect(!isEarly && isDue)
    }

    @Test func `what was behind a copy is forgiven, but not to who was left out`() {
        var fresh = Self.attendance()
        fresh.acknowledged(sentAt: 0, at: 2_000)
        fresh.begin(at: 2_000)
        fresh.acknowledged(sentAt: 1_000, at: 2_005)
        fresh.acknowledged(sentAt: 2_000, at: 2_010)
        let isAdmitted = fresh.admit(at: 2_010)
        #expect(isAdmitted)
        fresh.leaveOut(isLate: true, at: 3_000)
        fresh.begin(at: 3_100)
        fresh.acknowledged(sentAt: 3_100, at: 3_110)
        let isAdmittedAgain = fresh.admit(at: 3_110)
        #expect(!isAdmittedAgain)
    }

    @Test func `a wait is over with the changes that were sent before it`() throws {
        var (attendance, lag) = (Self.attendance(), SubscriptionLag())
        attendance.acknowledged(sentAt: 0, at: 1)
        _ = attendance.admit(at: 1)
        attendance.expect(1, lag: lag)
        #expect(attendance.firstWait == nil, "nothing was sent")
        lag.sent(3, at: 1)
        attendance.expect(2, lag: lag)
        attendance.expect(3, lag: lag)
        lag.sent(1, at: 1)
        attendance.expect(4, lag: lag)
        var waits: [UInt64?] = []
        for count in UInt64(2)...4 {
            try lag.acknowledge(count)
            attendance.has(count)
            waits.append(attendance.firstWait)
        }
        #expect(waits == [2, 4, nil])
    }
}

struct WaitLineTests {
    @Test func `waits are over in their order, and those of a loop are told by the last`() {
        var line = WaitLine()
        for number in UInt64(1)...4 {
            #expect(
                line.add(
                    AcknowledgmentTicket(loop: Int(number % 2), number: number),
                    until: MonotonicTime(milliseconds: Int64(number) * 10)) == number)
        }
        #expect(line.deadline == 10)
        #expect(line.lastExpired(at: 9) == nil)
        #expect(line.lastExpired(at: 25) == 2)
        #expect(line.complete(before: 4).map(\.number) == [3, 2])
        #expect(line.deadline == 40)
        line.postpone(to: 70)
        #expect(line.deadline == 70)
        #expect(line.lastExpired(at: 69) == nil)
        #expect(line.complete(before: .max).map(\.number) == [4])
        #expect(line.isEmpty && line.deadline == nil)
    }

    @Test func `a long line keeps its order`() {
        var (line, done) = (WaitLine(), UInt64(0))
        for number in UInt64(1)...10_000 {
            _ = line.add(AcknowledgmentTicket(loop: 0, number: number), until: 0)
            guard number % 3 == 0 else { continue }
            let told = line.complete(before: number)
            #expect(told.map(\.number) == [number - 1])
            done = number - 1
        }
        #expect(line.complete(before: .max).map(\.number) == [10_000])
        #expect(done == 9_998)
    }
}
