// docs/settings.md is written from the rows; this keeps it so.
import Foundation
import Testing

@testable import RegistryServer

struct SettingsDocumentTests {
    private static let document = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "docs/settings.md")

    @Test func `the documentation says what the rows say`() throws {
        if ProcessInfo.processInfo.environment["UPDATE_DOCS"] == "1" {
            try Settings.markdown.write(to: Self.document, atomically: true, encoding: .utf8)
        }
        let written = try String(contentsOf: Self.document, encoding: .utf8)
        #expect(
            written == Settings.markdown,
            "docs/settings.md is behind the rows; run: UPDATE_DOCS=1 swift test --filter SettingsDocument")
    }

    @Test func `every row is one line of the table, with the right number of cells`() {
        let lines = Settings.table.split(separator: "\n")
        #expect(lines.count == Settings.rows.count + 2)
        for line in lines { #expect(line.filter { $0 == "|" }.count == 6, "\(line)") }
    }
}
