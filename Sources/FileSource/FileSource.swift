// Reads a directory of files on a thread of its own: at once when the kernel says that something has happened there, and
// every half minute, since a directory on a network says nothing.

package import Catalog
package import RegistryCore
package import System
import Time

/// The files of a directory as a source of instances.
package struct FileSource: CatalogSource {
    package let threadName = "source-files"

    /// How long after an event the files are looked at: what comes together is one look.
    private static let debounce: Duration = .milliseconds(200)
    /// How often they are looked at in any case.
    private static let period: Duration = .seconds(30)
    /// How often while the directory cannot be read.
    private static let failingPeriod: Duration = .seconds(2)
    /// The most names that a directory may have, whatever they are.
    private static let nameLimit = 16_384
    /// By how much the thread yields to those that serve clients.
    private static let niceness: Int32 = 5

    private let path: String
    private let configuration: FileCatalog.Configuration
    private let tagLimits: TagLimits

    /// - Parameters:
    ///   - path: of the directory.
    ///   - shared: where all files are shown; nil when each is shown in its own namespace.
    ///   - maximumAge: for how long the last good content of a file is shown.
    package init(path: String, shared: Namespace?, maximumAge: Duration, tagLimits: TagLimits) {
        self.path = path
        configuration = FileCatalog.Configuration(shared: shared, maximumAge: maximumAge)
        self.tagLimits = tagLimits
    }

    package func run(_ publisher: SourcePublisher, until stop: WakeSignal) {
        NamedThread.yieldToOthers(Self.niceness)
        var catalog = FileCatalog(configuration)
        var watch: (events: DirectoryWatch, identity: FileIdentity?)?
        /// When the first of the events came that this look is for.
        var event: MonotonicTime?
        /// Whether something could not be published, so that a change alone is not enough.
        var mustReplace = true
        while !stop.isRaised {
            let identity = FileIdentity(path)
            // Another directory may have come to have the name.
            if watch?.events.isOver ?? true || watch?.identity != identity {
                watch = (try? DirectoryWatch(path)).map { ($0, identity) }
            }
            let isRead = look(&catalog, publisher, since: event, &mustReplace)
            event = nil
            let now = MonotonicClock.now()
            let next = min(
                now + (isRead ? Self.period : Self.failingPeriod), catalog.lookAgain(at: now) ?? .distantFuture)
            guard let watch else {
                stop.wait(until: next)
                continue
            }
            guard watch.events.wait(for: stop, until: next) == .event else { continue }
            event = MonotonicClock.now()
            stop.wait(until: MonotonicClock.now() + Self.debounce)
            watch.events.drain()
        }
    }

    /// Looks at all files and publishes what has changed. Returns whether the directory could be read.
    private func look(
        _ catalog: inout FileCatalog, _ publisher: SourcePublisher, since event: MonotonicTime?,
        _ mustReplace: inout Bool
    ) -> Bool {
        let names: [String]
        do throws(SystemFailure) {
            let (all, isWhole) = try DirectoryFiles.names(in: path, atMost: Self.nameLimit)
            guard isWhole else {
                // Which files are gone cannot be told.
                publisher.fail(
                    SourceProblem("the directory FS_CATALOG has more than \(Self.nameLimit) files"), at: .now())
                return false
            }
            names = all
        } catch {
            publisher.fail(SourceProblem("the directory FS_CATALOG cannot be read: \(error)"), at: .now())
            return false
        }
        for name in catalog.list(names, at: MonotonicClock.now()) {
            let result = Result<FileContent, FileFault> { () throws(FileFault) in
                try DirectoryFiles.read("\(path)/\(name)", limit: CatalogFile.sizeLimit)
            }
            catalog.read(name, result, at: MonotonicClock.now()) { content throws(CatalogFile.Mistake) in
                try CatalogFile(content.bytes, modified: content.modified, tagLimits: tagLimits).services
            }
        }
        publish(&catalog, publisher, since: event, &mustReplace)
        return true
    }

    private func publish(
        _ catalog: inout FileCatalog, _ publisher: SourcePublisher, since event: MonotonicTime?,
        _ mustReplace: inout Bool
    ) {
        var problems: [SourceProblem] = []
        var isChanged = true
        do throws(SourceProblem) {
            if mustReplace || publisher.isDropped {
                mustReplace = true
                try publisher.replace(with: catalog.takeAll(), at: .now())
                mustReplace = false
            } else {
                let changes = catalog.takeChanges()
                isChanged = !changes.isEmpty
                if isChanged {
                    mustReplace = true
                    try publisher.update(changes, at: .now())
                    mustReplace = false
                }
            }
        } catch {
            problems = [error]
        }
        let now = SourceTime.now()
        publisher.confirm(
            problems + catalog.problems(at: now.monotonic),
            lag: isChanged && problems.isEmpty ? event.map { now.monotonic - $0 } : nil, at: now)
    }
}
