// docs/settings.md is written from the rows; this keeps it so.
import Foundation
import Testing

@testable import Configuration

struct SettingsDocumentTests {
    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let document = root.appending(path: "docs/settings.md")
    private static let readme = root.appending(path: "README.md")

    @Test func `the documentation says what the rows say`() throws {
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] == "1" {
            try Settings.markdown.write(to: Self.document, atomically: true, encoding: .utf8)
        }
        let written = try String(contentsOf: Self.document, encoding: .utf8)
        #expect(
            written == Settings.markdown,
            "docs/settings.md is behind the rows; run: UPDATE_DOCS=1 swift test --filter SettingsDocument")
    }

    @Test func `the README has the table of settings`() throws {
        let written = try String(contentsOf: Self.readme, encoding: .utf8)
        let begin = try #require(written.range(of: "| environment | flag | default |"))
        let end = try #require(written[begin.lowerBound...].range(of: "\n\n"))
        let table = written[begin.lowerBound..<end.lowerBound] + "\n"
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] == "1" {
            try written.replacing(table, with: Settings.overview).write(
                to: Self.readme, atomically: true, encoding: .utf8)
        } else {
            #expect(
                table == Settings.overview,
                "README.md is behind the rows; run: UPDATE_DOCS=1 swift test --filter SettingsDocument")
        }
    }

    @Test func `every row is one line of the table, with the right number of cells`() {
        let lines = Settings.table.split(separator: "\n")
        #expect(lines.count == Settings.rows.count + 2)
        for line in lines { #expect(line.filter { $0 == "|" }.count == 6, "\(line)") }
    }
}
