// The documents that a reader is sent to have to be there and say what they are for. What they say of the settings is held elsewhere, by the
// test that writes docs/settings.md from the table.

import Foundation
import Testing

struct DocumentTests {
    private static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: SourceTree.root.appending(path: path).path())
    }

    @Test(.enabled("README.md is not written yet") { exists("README.md") }, arguments: ["make run", "make test"])
    func `the README names how to run and how to test`(command: String) throws {
        let readme = try #require(SourceTree.text("README.md"))
        #expect(readme.contains(command), "README.md does not say `\(command)`")
    }

    /// All but Swagger, which is no more than the contract as data.
    @Test(
        .enabled("ARCHITECTURE.md is not written yet") { exists("ARCHITECTURE.md") },
        arguments: ArrowTests.rooms.filter { $0.name != "Swagger" })
    func `the tour passes every room`(room: ArrowTests.Room) throws {
        let tour = try #require(SourceTree.text("ARCHITECTURE.md"))
        #expect(tour.contains(room.name), "ARCHITECTURE.md does not mention \(room.name)")
    }

    @Test func `documents refer to files that exist`() throws {
        for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/rest-api.md", "docs/settings.md"] {
            guard let text = SourceTree.text(document) else { continue }
            let folder = document.split(separator: "/").dropLast().map { "\($0)/" }.joined()
            for match in text.matches(of: /\]\(([^)#:\s]+)(?:#[^)]*)?\)/) {
                #expect(Self.exists(folder + match.1), "\(document) links to \(match.1), which is not there")
            }
        }
    }
}
