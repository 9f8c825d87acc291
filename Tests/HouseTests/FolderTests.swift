// The arrows between the folders of a room. The compiler holds those between rooms; within a room every file sees every
// other, so here the names are read: what a folder declares may be named by the folders above it, and by no other.

import Foundation
import Testing

struct FolderTests {
    /// The folders of each room that has some, from the lowest to the highest: one names types of its own and of those
    /// before it. The files beside the folders are in "".
    static let order: [String: [String]] = [
        "Catalog": ["", "States", "Views"],
        "Commands": ["Answers", "Requests", "Machines", "Shell", ""],
        "HTTP": ["", "Connection"],
        "RedisStore": ["Greeting", "Terms", "Commands", "Replies", "Topology", "Member"],
        "RegistryServer": ["Check", "Server"],
        "Replication": ["Terms", "Wire", "Session", "Legacy", "Upgrade", "Membership", "Node", ""],
        "ReplicationServer": ["Membership", ""],
        "Serving": ["Requests", "Rendering", "State", "Calls", "Responding", "Waiting"],
    ]

    @Test func `every room with folders says in which order they stand`() {
        let folders = Dictionary(grouping: SourceTree.files, by: \.target).mapValues { Set($0.map(\.folder)) }.filter {
            $1.count > 1
        }
        #expect(Set(folders.keys) == Set(Self.order.keys), "give the room its row in FolderTests.swift")
        for (room, order) in Self.order {
            #expect(Set(order) == folders[room], "the folders of \(room) are not those of its row in FolderTests.swift")
            #expect(order.count == Set(order).count, "the row of \(room) names a folder twice")
        }
    }

    @Test(arguments: order.keys.sorted())
    func `a folder names no type of a folder above it`(room: String) throws {
        let order = try #require(Self.order[room])
        let files = SourceTree.files.filter { $0.target == room }
        var folderOf: [Substring: String] = [:]
        for file in files { for name in file.declaredTypes { folderOf[name] = file.folder } }
        for file in files {
            guard let level = order.firstIndex(of: file.folder) else { continue }
            for (number, line) in file.code.enumerated() {
                for word in line.words {
                    guard let folder = folderOf[word], let other = order.firstIndex(of: folder), other > level else {
                        continue
                    }
                    Issue.record(
                        "\(file.path):\(number + 1) names \(word) of \(room)/\(folder), which stands above: move one of them, or hand it in"
                    )
                }
            }
        }
    }

    @Test func `the words of a line are its identifiers`() {
        #expect("    func a1(_ b: C.D) -> _E?".words.map(String.init) == ["func", "a1", "_", "b", "C", "D", "_E"])
        #expect("".words.isEmpty)
    }
}

extension SourceFile {
    /// The folder within the target; empty for a file that lies beside the folders.
    var folder: String {
        let parts = path.split(separator: "/").dropLast()
        return parts.count > 2 ? parts.dropFirst(2).joined(separator: "/") : ""
    }

    /// The types that other files of the target can name: those at the beginning of a line.
    var declaredTypes: Set<Substring> {
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias", "actor"]
        return code.reduce(into: []) { names, line in
            guard let first = line.utf8.first, first != UInt8(ascii: " ") else { return }
            let words = line.words
            guard let kind = words.firstIndex(where: kinds.contains), kind + 1 < words.count else { return }
            guard !words[..<kind].contains("private"), !words[..<kind].contains("fileprivate") else { return }
            names.insert(Substring(String(words[kind + 1])))
        }
    }
}

extension StringProtocol {
    /// The identifiers and keywords, in order.
    var words: [SubSequence] {
        split { character in
            !(character.isASCII && (character.isLetter || character.isNumber || character == "_"))
        }
    }
}
