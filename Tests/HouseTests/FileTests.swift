// How a file looks from outside: it says why it exists, is about one thing, and leaves nothing for later.

import Testing

struct FileTests {
    /// Lines beyond which a file is no longer one noun. Most have 80 to 250.
    static let longestFile = 430

    @Test(arguments: SourceTree.files)
    func `a file opens with why it exists`(file: SourceFile) {
        let first = file.lines.first ?? ""
        #expect(
            first.hasPrefix("// ") && !first.hasPrefix("// swift-tools-version"),
            "\(file.path) begins with '\(first.prefix(40))': open with two or three sentences on why this file exists")
    }

    @Test(arguments: SourceTree.files)
    func `a file is one noun`(file: SourceFile) {
        #expect(
            file.lines.count <= Self.longestFile,
            "\(file.path) has \(file.lines.count) lines: one noun each, or a drawer?")
    }

    @Test(arguments: SourceTree.files)
    func `nothing is left for later in the code`(file: SourceFile) {
        for (number, line) in file.lines.enumerated() {
            #expect(
                !line.contains(/\b(?:TODO|FIXME|XXX|HACK)\b/.wordBoundaryKind(.simple)),
                "\(file.path):\(number + 1): do it, or write it down where it is planned")
        }
    }

    @Test func `the rules have something to look at`() {
        // A wrong root would let every test above pass over nothing.
        #expect(SourceTree.files.count > 50, "only \(SourceTree.files.count) files under \(SourceTree.root.path())")
    }
}
