// What the files of a directory have, look by look. It is told what each look found, and says what has changed, what is
// wrong and when to look again; it reads nothing and knows no clock.
//
//   a file:  good ──content that cannot be used──► waiting (it may be half written) ──2 s without a change──► reported
//             ▲                                       │                                                          │
//             └───────────content that can be used────┴──────────────────────────────────────────────────────────┘
//
// All the while its last good content is shown, for CATALOG_MAX_AGE. A file that is gone is empty at once: whoever
// deletes it means that.

import Catalog
import RegistryCore
import System
import Time

struct FileCatalog {
    /// How long content that cannot be used may be half of a file that is being written, without a change; and how long at most when it changes all the time.
    static let patience: Duration = .seconds(2)
    static let longestPatience: Duration = .seconds(30)
    /// When a file that waits is looked at again.
    static let retry: Duration = .milliseconds(500)

    struct Configuration {
        /// Whether all files are shown in one namespace, because clients can ask for no other.
        var shared: Namespace?
        /// For how long the last good content of a file is shown.
        var maximumAge: Duration
    }

    private struct File {
        let namespace: Namespace
        /// Of what is shown.
        var hash: UInt64?
        var modified: Int64 = 0
        var services: [Name: [LeasedInstance]] = [:]
        /// When what is shown was found to be what the file has.
        var goodAt: MonotonicTime
        var failure: Failure?
    }

    private struct Failure {
        /// Of the content that cannot be used; nil when there was none to be read.
        var hash: UInt64?
        let first: MonotonicTime
        var changed: MonotonicTime
        var problem: SourceProblem

        func isReported(at now: MonotonicTime) -> Bool { now - changed >= patience || now - first >= longestPatience }
    }

    private struct Place: Hashable {
        let namespace: Namespace
        let service: Name
    }

    private let configuration: Configuration
    private var files: [String: File] = [:]
    /// Names that are no namespaces.
    private var unusable: [String] = []
    /// What has changed since `takeChanges`.
    private var touched: Set<Place> = []
    /// Services of which several files have the same endpoint.
    private var overlaps: [Place: SourceProblem] = [:]

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    // MARK: - Looks

    /// The files that are to be read, in the order of their names, of those that the directory has. What it has no more
    /// is empty from now on.
    mutating func list(_ names: [String], at now: MonotonicTime) -> [String] {
        unusable = []
        var wanted: Set<String> = []
        for name in names {
            switch CatalogFileName(name) {
            case .ignored: break
            case .unusable: unusable.append(name)
            case .namespace(let namespace):
                wanted.insert(name)
                if files[name] == nil {
                    files[name] = File(namespace: configuration.shared ?? namespace, goodAt: now)
                }
            }
        }
        unusable.sort()
        for name in files.keys where !wanted.contains(name) { remove(name) }
        return wanted.sorted()
    }

    private mutating func remove(_ name: String) {
        guard let file = files.removeValue(forKey: name) else { return }
        touch(file.services.keys, in: file.namespace)
    }

    /// What the reading of a file came to.
    ///
    /// - Parameters:
    ///   - parse: gives its instances; called only when the content is another.
    mutating func read(
        _ name: String, _ result: Result<FileContent, FileFault>, at now: MonotonicTime,
        parse: (FileContent) throws(CatalogFile.Mistake) -> [Name: [LeasedInstance]]
    ) {
        guard var file = files[name] else { return }
        switch result {
        case .failure(.notAFile):
            // A directory or a pipe is not meant, whatever it is called.
            return remove(name)
        case .failure(let fault): fail(&file, hash: nil, Self.problem(fault, name), at: now)
        case .success(let content):
            let hash = Self.hash(content.bytes)
            if hash == file.hash, content.modified == file.modified {
                (file.goodAt, file.failure) = (now, nil)
            } else if let failure = file.failure, failure.hash == hash {
                // Still what could not be used.
                break
            } else {
                do throws(CatalogFile.Mistake) {
                    let services = try parse(content)
                    touch(file.services.keys, in: file.namespace)
                    touch(services.keys, in: file.namespace)
                    (file.services, file.hash, file.modified) = (services, hash, content.modified)
                    (file.goodAt, file.failure) = (now, nil)
                } catch {
                    let place = TextPlace(of: error.offset, in: content.bytes)
                    fail(
                        &file, hash: hash,
                        SourceProblem(error.sentence, at: "\(name):\(place.line):\(place.column)"), at: now)
                }
            }
        }
        if file.failure != nil, now - file.goodAt > configuration.maximumAge, !file.services.isEmpty {
            touch(file.services.keys, in: file.namespace)
            (file.services, file.hash) = ([:], nil)
        }
        files[name] = file
    }

    private func fail(_ file: inout File, hash: UInt64?, _ problem: SourceProblem, at now: MonotonicTime) {
        let isSame = file.failure.map { $0.hash == hash } ?? false
        file.failure = Failure(
            hash: hash, first: file.failure?.first ?? now, changed: isSame ? file.failure?.changed ?? now : now,
            problem: problem)
    }

    private static func problem(_ fault: FileFault, _ name: String) -> SourceProblem {
        switch fault {
        case .missing, .notAFile: SourceProblem("the file is there by a link that leads nowhere", at: name)
        case .tooLarge: SourceProblem("the file has more than \(CatalogFile.sizeLimit >> 20) MiB", at: name)
        case .unreadable(let failure): SourceProblem("the file cannot be read: \(failure)", at: name)
        }
    }

    /// Eight bytes at a time would be faster; a file of 64 MiB takes some 60 ms, every half minute.
    private static func hash(_ bytes: [UInt8]) -> UInt64 { StableHash.of(bytes) }

    private mutating func touch(_ services: some Sequence<Name>, in namespace: Namespace) {
        for service in services { touched.insert(Place(namespace: namespace, service: service)) }
    }

    // MARK: - What follows

    /// What is wrong now.
    func problems(at now: MonotonicTime) -> [SourceProblem] {
        let failures = files.sorted { $0.key < $1.key }.compactMap { _, file in
            file.failure.flatMap { $0.isReported(at: now) ? $0.problem : nil }
        }
        let names = unusable.map { SourceProblem("the file's name is no namespace", at: $0) }
        return failures + names
            + overlaps.sorted { ($0.key.namespace.name, $0.key.service) < ($1.key.namespace.name, $1.key.service) }
            .map(\.value)
    }

    /// When to look again at the latest, because a file may be half written; nil when none is.
    func lookAgain(at now: MonotonicTime) -> MonotonicTime? {
        files.values.contains { $0.failure.map { !$0.isReported(at: now) } ?? false } ? now + Self.retry : nil
    }

    /// The services that have changed since this was called last, each as it is now.
    mutating func takeChanges() -> [SourceChange] {
        defer { touched = [] }
        guard !touched.isEmpty else { return [] }
        let ordered = files.sorted { $0.key < $1.key }
        return touched.map { place in
            let parts = ordered.compactMap { name, file in
                file.namespace == place.namespace ? file.services[place.service].map { (name, $0) } : nil
            }
            overlaps[place] = parts.count > 1 ? Self.overlap(parts) : nil
            return SourceChange(
                place.namespace, place.service, parts.count == 1 ? parts[0].1 : parts.flatMap(\.1))
        }
    }

    /// Everything, and takes the changes with it.
    mutating func takeAll() -> SourceContent {
        for file in files.values { touch(file.services.keys, in: file.namespace) }
        var content: SourceContent = [:]
        for change in takeChanges() where !change.instances.isEmpty {
            content[change.namespace, default: [:]][change.service] = change.instances
        }
        return content
    }

    /// What is wrong when two files have an endpoint of one service, of which the first file's is shown.
    private static func overlap(_ parts: [(name: String, instances: [LeasedInstance])]) -> SourceProblem? {
        var seen: [InstanceID: String] = [:]
        for (name, instances) in parts {
            for leased in instances {
                guard let first = seen.updateValue(name, forKey: leased.instance.id) else { continue }
                return SourceProblem(
                    "an endpoint of a service is in two files, and the first one's is shown", at: "\(first), \(name)")
            }
        }
        return nil
    }
}
