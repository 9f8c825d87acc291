// The documents that a reader is sent to have to be there, to say what they are for, and to send nobody to what is not
// there. What they say of the settings is held elsewhere, by the test that writes docs/settings.md from the table.

import Foundation
import Testing

struct DocumentTests {
    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: SourceTree.root.appending(path: path).path())
    }

    @Test(arguments: ["make run", "make test"])
    func `the README names how to run and how to test`(command: String) throws {
        let readme = try #require(SourceTree.text("README.md"))
        #expect(readme.contains(command), "README.md does not say `\(command)`")
    }

    /// All but those that are no more than data.
    @Test(arguments: ArrowTests.rooms.filter { $0.name != "Swagger" && $0.name != "WebPage" })
    func `the tour passes every room`(room: ArrowTests.Room) throws {
        let tour = try #require(SourceTree.text("ARCHITECTURE.md"))
        #expect(tour.contains(room.name), "ARCHITECTURE.md does not mention \(room.name)")
    }

    @Test(arguments: ArrowTests.rooms)
    func `the tour's table has the arrows of every room`(room: ArrowTests.Room) throws {
        let tour = try #require(SourceTree.text("ARCHITECTURE.md"))
        // What lies outside of Sources is in the table of dependencies.
        let used = room.rooms.subtracting(["ArgumentParser", "Logging"]).union(
            room.system.filter { ArrowTests.onlyImporter[$0] != nil })
        let row = "| \(room.name) | \(used.sorted().joined(separator: ", ")) |"
        #expect(tour.contains(row), "ARCHITECTURE.md has no row \(row)")
    }

    @Test(arguments: SourceTree.documents)
    func `a document links to files that exist`(document: String) throws {
        let text = try #require(SourceTree.text(document))
        let folder = document.split(separator: "/").dropLast().map { "\($0)/" }.joined()
        for match in text.matches(of: /\]\(([^)#:\s]+)(?:#[^)]*)?\)/) {
            #expect(Self.exists(folder + match.1), "\(document) links to \(match.1), which is not there")
        }
    }

    @Test(arguments: SourceTree.documents)
    func `a document names only commands that the Makefile has`(document: String) throws {
        let makefile = try #require(SourceTree.text("Makefile"))
        // The rules as they stand, and the names that the generated ones are made of.
        var targets = Set(makefile.matches(of: /(?m)^([a-z][a-z.]*):(?:[^=]|$)/).map { String($0.1) })
        let lines = makefile.replacing("\\\n", with: " ").split(separator: "\n")
        for (prefix, list) in [("fuzz", "FUZZ_TARGETS := "), ("bench", "BENCH_ITEMS := ")] {
            let words = try #require(lines.first { $0.hasPrefix(list) }, "the Makefile has no \(list)").dropFirst(
                list.count)
            targets.formUnion(words.split(whereSeparator: \.isWhitespace).map { "\(prefix).\($0)" })
        }
        let text = try #require(SourceTree.text(document))
        for match in text.matches(of: /`make ([a-z][a-z0-9.\-]*)[^`]*`/) where !match.1.hasPrefix("test.fault.") {
            #expect(
                targets.contains(String(match.1)), "\(document) names make \(match.1), which the Makefile does not have"
            )
        }
    }
}
