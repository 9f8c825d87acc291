// A directory of its own for each test, which goes with it.

import Foundation

final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "a8-members-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        path = folder.path()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func location(_ name: String) -> String { "\(path)/\(name)" }

    var names: Set<String> { Set((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []) }

    func bytes(_ name: String) -> [UInt8]? { FileManager.default.contents(atPath: location(name)).map { Array($0) } }

    func put(_ name: String, _ bytes: some Sequence<UInt8>) throws {
        try Data(bytes).write(to: URL(filePath: location(name)))
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: location(name)) }
}
