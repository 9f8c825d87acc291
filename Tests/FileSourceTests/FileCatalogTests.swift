// What becomes of a directory's files look by look, without a file and without a clock: a table of what was found, and of
// what is shown and said.

import Catalog
import RegistryCore
import System
import TestTime
import Testing
import Time

@testable import FileSource

struct FileCatalogTests {
    private static let maximumAge: Duration = 600_000

    /// A catalog that is looked at by hand.
    private struct Desk {
        var catalog: FileCatalog
        var shown: [String: [String]] = [:]
        var now: MonotonicTime = 0

        init(shared: Namespace? = nil) {
            catalog = FileCatalog(.init(shared: shared, maximumAge: maximumAge))
        }

        /// Looks at these files; a nil is one that cannot be read.
        mutating func look(_ files: [String: String?], modified: Int64 = 1, after interval: Duration = 0) {
            now += interval
            for name in catalog.list(Array(files.keys), at: now) {
                let result: Result<FileContent, FileFault> =
                    switch files[name] {
                    case .some(.some(let text)):
                        .success(FileContent(bytes: Array(text.utf8), modified: modified))
                    default: .failure(.unreadable(SystemFailure("open", code: 13)))
                    }
                catalog.read(name, result, at: now) { content throws(CatalogFile.Mistake) in
                    try CatalogFile(content.bytes, modified: content.modified, tagLimits: .standard).services
                }
            }
            for change in catalog.takeChanges() {
                shown["\(change.namespace.name)/\(change.service.text)"] =
                    change.instances.isEmpty ? nil : change.instances.map(\.instance.endpoint.value).sorted()
            }
        }

        var problems: [String] { catalog.problems(at: now).map(\.description) }
    }

    private static func file(_ values: String..., service: String = "web") -> String {
        let instances = values.map {
            #"{"service_name":"\#(service)","endpoint":{"type":"tcp","value":"\#($0)"}}"#
        }
        return #"{"instances":[\#(instances.joined(separator: ","))]}"#
    }

    @Test func `files are shown as they are, and are empty once they are gone`() {
        // F107 What a file had is gone as soon as the file is.
        var desk = Desk()
        desk.look(["a.json": Self.file("1", "2"), "b.json": Self.file("3"), "notes": "x"])
        #expect(desk.shown == ["a/web": ["1", "2"], "b/web": ["3"]])
        desk.look(["b.json": Self.file("4")])
        #expect(desk.shown == ["b/web": ["4"]])
        #expect(desk.problems == [])
    }

    @Test func `one bad instance keeps the whole file as it was, and is said after 2 s`() {
        // F103 … a file with a mistake is shown as it was before. F108 A mistake is said when the file has not changed
        // for 2 s, since it may be half written.
        var desk = Desk()
        desk.look(["a.json": Self.file("1", "2")])
        let bad = Self.file("1", "")
        desk.look(["a.json": bad], after: 100)
        #expect(desk.shown == ["a/web": ["1", "2"]])
        #expect(desk.problems == [])
        #expect(desk.catalog.lookAgain(at: desk.now) == desk.now + FileCatalog.retry)
        desk.look(["a.json": bad], after: 1_900)
        #expect(desk.problems == [])
        desk.look(["a.json": bad], after: 100)
        #expect(desk.problems.count == 1)
        #expect(desk.problems.first?.hasPrefix("a.json:1:") == true)
        #expect(desk.problems.first?.hasSuffix("endpoint.value must have 1 to 128 bytes, and has 0") == true)
        #expect(desk.catalog.lookAgain(at: desk.now) == nil)
        desk.look(["a.json": Self.file("5")], after: 100)
        #expect(desk.shown == ["a/web": ["5"]])
        #expect(desk.problems == [])
    }

    @Test func `a file that is being written is waited for, but not for ever`() {
        // F108 … 30 s at most, when it changes all the time.
        var desk = Desk()
        let text = Self.file("1", "2", "3")
        for length in 1...40 {
            desk.look(["a.json": String(text.prefix(length))], after: 500)
            #expect(desk.problems == [])
        }
        for length in 41...65 { desk.look(["a.json": String(text.prefix(length))], after: 500) }
        #expect(desk.problems.count == 1)
        desk.look(["a.json": text], after: 500)
        #expect(desk.shown == ["a/web": ["1", "2", "3"]])
    }

    @Test func `a file that cannot be read stays as it was, for as long as a source does`() {
        // F109 … for CATALOG_MAX_AGE.
        var desk = Desk()
        desk.look(["a.json": Self.file("1"), "b.json": Self.file("2")])
        desk.look(["a.json": nil, "b.json": Self.file("2")], after: 3_000)
        desk.look(["a.json": nil, "b.json": Self.file("2")], after: 3_000)
        #expect(desk.shown == ["a/web": ["1"], "b/web": ["2"]])
        #expect(desk.problems == ["a.json: the file cannot be read: open: Permission denied"])
        desk.look(["a.json": nil, "b.json": Self.file("2")], after: Self.maximumAge)
        #expect(desk.shown == ["b/web": ["2"]])
        desk.look(["a.json": Self.file("1"), "b.json": Self.file("2")], after: 1_000)
        #expect(desk.shown == ["a/web": ["1"], "b/web": ["2"]])
    }

    @Test func `content that changes without its time is noticed, and a time without its content`() throws {
        // F110 A change is told by the content, whatever the file's time is.
        var desk = Desk()
        desk.look(["a.json": Self.file("1")], modified: 7)
        desk.look(["a.json": Self.file("2")], modified: 7)
        #expect(desk.shown == ["a/web": ["2"]])
        desk.catalog.list(["a.json"], at: 0).forEach { _ in }
        desk.catalog.read("a.json", .success(FileContent(bytes: Array(Self.file("2").utf8), modified: 8)), at: 0) {
            content throws(CatalogFile.Mistake) in
            try CatalogFile(content.bytes, modified: content.modified, tagLimits: .standard).services
        }
        #expect(desk.catalog.takeChanges().first?.instances.first?.lastHeartbeat == 8)
    }

    @Test
    func `where clients ask for one namespace all files are shown in it, the first one's endpoint where two have it`() {
        // F111 With AUTH_MODE none, all files are shown in the namespace default; of an endpoint that is in two, the
        // first one's, by their names, and that is said.
        var desk = Desk(shared: Namespace("default"))
        desk.look(["b.json": Self.file("1", "3"), "a.json": Self.file("1", "2")])
        #expect(desk.shown == ["default/web": ["1", "1", "2", "3"]])
        #expect(
            desk.problems
                == ["a.json, b.json: an endpoint of a service is in two files, and the first one's is shown"])
        desk.look(["a.json": Self.file("1", "2"), "b.json": Self.file("3")])
        #expect(desk.problems == [])
    }

    @Test func `everything can be had again`() {
        var desk = Desk()
        desk.look(["a.json": Self.file("1"), "b.json": Self.file("2", service: "db")])
        let all = desk.catalog.takeAll()
        #expect(all.keys.map(\.name).sorted() == ["a", "b"])
        #expect(all[Namespace("b")]?[Name("db")]?.count == 1)
        #expect(desk.catalog.takeChanges().isEmpty)
    }
}
