// What is read about the process is what is the case.

import Foundation
import Testing

@testable import System

struct ProcessFiguresTests {
    @Test func `a name with brackets and spaces moves no field`() throws {
        let rest = (4...24).map { "\($0)" }.joined(separator: " ")
        let stat = try #require(ProcessStat("7 (a) (b c) 1) S \(rest) 25 26\n"))
        #expect(stat.userTicks == 14 && stat.systemTicks == 15 && stat.threads == 20)
        #expect(stat.startTicks == 22 && stat.virtualBytes == 23 && stat.residentPages == 24)
    }

    @Test(arguments: ["", "7 (a", "7 (a) S 4 5", "7 (a) S 4 5 6 7 8 9 10 11 12 13 x 15 16 17 18 19 20 21 22 23 24"])
    func `a line that is none gives nothing`(line: String) {
        #expect(ProcessStat(line) == nil)
    }

    @Test func `the figures are those of this process`() throws {
        let before = try #require(ProcessFigures.read())
        #expect(before.processorSeconds > 0 && before.threads >= 1 && before.openDescriptors >= 3)
        #expect(before.residentBytes > 1 << 20 && before.virtualBytes > before.residentBytes)
        #expect(before.mostDescriptors >= Double(before.openDescriptors))
        // It has been started, and not before the year 2020.
        #expect(before.startTime > 1_577_836_800 && before.startTime <= Date().timeIntervalSince1970 + 1)
        #expect(try #require(ProcessFigures.read()).startTime == before.startTime)
    }

    @Test func `both ways of counting descriptors see those that are opened`() throws {
        // Other tests open and close some meanwhile: many are opened here, and the others are few.
        let before = OpenDescriptors.probed()
        let opened = try (0..<500).map { _ in
            let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
            try #require(descriptor >= 0)
            return descriptor
        }
        let between = OpenDescriptors.probed()
        let told = OpenDescriptors.told()
        for descriptor in opened { close(descriptor) }
        #expect(abs(between - before - 500) < 200, "\(before), then \(between)")
        if let told { #expect(abs(told - between) < 200, "\(told) and \(between)") }
    }
}
