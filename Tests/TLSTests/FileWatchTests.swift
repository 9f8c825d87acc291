// Renewed files are noticed when they have come to rest, whenever they were replaced.

import Foundation
import TLS
import Testing

struct FileWatchTests {
    /// What so many looks in a row find.
    private static func looks(_ count: Int, _ watch: inout FileWatch) -> [Bool] {
        (0..<count).map { _ in watch.haveChanged() }
    }

    @Test func `files are told of once they differ from those that were read, and have been the same for a look`()
        throws
    {
        let directory = try TestDirectory()
        let paths = [try directory.write("certificate", [1]), try directory.write("key", [1])]
        var watch = FileWatch(paths)
        var found = Self.looks(2, &watch)
        // The certificate, and after a look the key.
        try directory.write("certificate", [1, 2])
        found += Self.looks(1, &watch)
        try directory.write("key", [1, 2])
        found += Self.looks(2, &watch)
        #expect(found == [false, false, false, false, true])
        // They are read anew.
        watch = FileWatch(paths)
        found = Self.looks(2, &watch)
        #expect(found == [false, false])
    }

    @Test func `a file that is replaced before the first look is noticed`() throws {
        let directory = try TestDirectory()
        let path = try directory.write("certificate", [1])
        var watch = FileWatch([path])
        try FileManager.default.removeItem(atPath: path)
        try directory.write("certificate", [1, 2])
        let found = Self.looks(2, &watch)
        #expect(found == [false, true])
    }

    @Test func `a file that is put back as it was need not be read`() throws {
        let directory = try TestDirectory()
        let path = try directory.write("certificate", [1])
        var watch = FileWatch([path])
        try FileManager.default.moveItem(atPath: path, toPath: path + ".old")
        var found = Self.looks(1, &watch)
        try FileManager.default.moveItem(atPath: path + ".old", toPath: path)
        found += Self.looks(2, &watch)
        #expect(found == [false, false, false])
    }
}
