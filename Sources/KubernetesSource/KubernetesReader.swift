// The collections that make up what Kubernetes has, and when it is published: all at once when each has been listed or has
// failed, then the services that change, gathered for some milliseconds when many do.

import Configuration
import HTTPClient
import Libevent
import RegistryCore
import System
import Time

/// Reads a cluster. Belongs to its loop's thread.
final class KubernetesReader {
    static let tooMany =
        "it has more than \(KubernetesView.instanceLimit) instances, the most that are read: what was read before stays"

    /// How long changes are gathered after the last were published.
    private static let gathering: Duration = .milliseconds(5)
    /// How often the files are looked at, in milliseconds.
    private static let lookPeriod = 10_000

    let configuration: KubernetesConfiguration
    let url: HTTPURL
    let client: HTTPClient
    var view: KubernetesView
    private let publisher: SourcePublisher
    private var collections: [WatchedCollection] = []
    private var publishing: LoopEvent?
    private var looking: LoopEvent?
    private var publishedAt = MonotonicTime.distantPast
    /// Whether all is to be published, and not what has changed.
    private var mustReplace = true
    private var isPublishing = false
    private var random = SystemRandomNumberGenerator()

    /// Begins to read.
    init(
        _ configuration: KubernetesConfiguration, _ url: HTTPURL, _ publisher: SourcePublisher, on loop: EventLoop
    ) throws {
        self.configuration = configuration
        self.url = url
        self.publisher = publisher
        let namespaces = NamespaceMap(configuration.namespaces, shared: configuration.shared)
        view = KubernetesView(namespaces, tagLimits: configuration.tagLimits, hasPods: configuration.hasPods)
        client = try HTTPClient(on: loop)
        if url.isSecure { try client.believe(authorityPath: configuration.authorityPath) }
        publishing = try LoopEvent.timer(on: loop) { [unowned self] onLoop in publish(onLoop) }
        looking = try LoopEvent.every(milliseconds: Self.lookPeriod, on: loop) { [unowned self] onLoop in look(onLoop) }
        let now = MonotonicClock.now()
        let kinds: [CollectionKind] = configuration.hasPods ? [.slices, .pods] : [.slices]
        for namespace in namespaces.read.map({ $0.map(Optional.some) }) ?? [nil] {
            for kind in kinds {
                collections.append(try WatchedCollection(kind, in: namespace, of: self, on: loop, at: now))
            }
        }
        for collection in collections { collection.proceed(at: now) }
    }

    /// Ends all that is under way.
    func close(_ onLoop: borrowing OnLoop) {
        for collection in collections { collection.close(onLoop) }
        client.close(onLoop)
        publishing = nil
        looking = nil
    }

    /// 0 to 1.
    func chance() -> Double { Double.random(in: 0...1, using: &random) }

    // MARK: - What is published

    func publishSoon() {
        guard !isPublishing else { return }
        isPublishing = true
        let wait = (publishedAt + Self.gathering).rest(at: MonotonicClock.now())
        if wait == 0 { publishing?.activate() } else { publishing?.schedule(afterMilliseconds: Int(wait)) }
    }

    /// A collection has shown that it is current, or has failed.
    func settle(isAlive: Bool, _ onLoop: borrowing OnLoop) {
        let failing = collections.filter { $0.problem != nil }
        guard isAlive || failing.count < collections.count else {
            if let problem = failing.first?.problem { publisher.fail(problem, at: .now()) }
            return
        }
        publishSoon()
    }

    private func publish(_ onLoop: borrowing OnLoop) {
        isPublishing = false
        // Half of the services would look like the other half's end.
        guard collections.allSatisfy({ $0.hasListed || $0.problem != nil }) else { return }
        let now = SourceTime.now()
        publishedAt = now.monotonic
        if publisher.isDropped { mustReplace = true }
        var problems = collections.compactMap(\.problem)
        guard problems.count < collections.count else { return }
        if view.unusableCount > 0 {
            problems.append(
                SourceProblem("\(view.unusableCount) endpoints of Kubernetes have no address that can be used"))
        }
        do throws(SourceProblem) {
            if mustReplace {
                try publisher.replace(with: view.takeAll(), at: now)
                mustReplace = false
            } else if view.hasChanges {
                mustReplace = true
                try publisher.update(view.takeChanges(), at: now)
                mustReplace = false
            }
        } catch {
            problems.append(error)
        }
        publisher.confirm(problems, at: now)
    }

    /// What a namespace had that cannot be read any more is shown for as long as all of a source would be; and other
    /// authorities are taken over.
    private func look(_ onLoop: borrowing OnLoop) {
        let now = MonotonicClock.now()
        client.renewTrust()
        for collection in collections where collection.kind == .slices && collection.problem != nil {
            guard let confirmed = collection.confirmedAt, now - confirmed > configuration.maximumAge else { continue }
            try? view.replace(in: collection.namespace, with: [:], at: 0)
        }
        if view.hasChanges { publishSoon() }
    }
}
