// Reads another Eureka on a thread of its own: everything at first, then every half minute what has changed, from the
// first of the URLs that answers.

package import Catalog
import HTTP
package import HTTPClient
import Libevent
package import RegistryCore
package import System
import Time

/// Another Eureka as a source of instances.
package struct EurekaSource: CatalogSource {
    package let threadName = "source-eureka"

    /// By how much the thread yields to those that serve clients.
    fileprivate static let niceness: Int32 = 5

    /// How long it waits until it tries again when its authorities cannot be read, or the system gives no loop.
    private static let pause: Duration = .seconds(5)

    package struct Configuration: Sendable {
        /// Of the servers, as clients of Eureka have them: `http://user:password@host:8761/eureka/v2`. Not empty.
        package var servers: [HTTPURL]
        /// Where the instances are shown.
        package var namespace: Namespace
        /// Whose certificates are trusted; nil: the system's.
        package var authorityPath: String?
        package var tagLimits: TagLimits
        /// The time between two questions.
        package var period = EurekaReplica.standardPeriod

        package init(servers: [HTTPURL], namespace: Namespace, authorityPath: String?, tagLimits: TagLimits) {
            self.servers = servers
            self.namespace = namespace
            self.authorityPath = authorityPath
            self.tagLimits = tagLimits
        }
    }

    fileprivate let configuration: Configuration

    package init(_ configuration: Configuration) { self.configuration = configuration }

    package func run(_ publisher: SourcePublisher, until stop: WakeSignal) {
        NamedThread.yieldToOthers(Self.niceness)
        while !stop.isRaised { read(publisher, until: stop) }
    }

    private func read(_ publisher: SourcePublisher, until stop: WakeSignal) {
        do {
            let loop = try EventLoop()
            let reader = try EurekaReader(configuration, publisher, on: loop)
            try withExtendedLifetime(reader) {
                let end = try LoopEvent.raised(stop, on: loop) { onLoop in
                    reader.close(onLoop)
                    loop.stop(onLoop)
                }
                withExtendedLifetime(end) { loop.run() }
            }
        } catch {
            publisher.fail(SourceProblem("it cannot be read: \(error)"), at: .now())
            stop.wait(until: MonotonicClock.now() + Self.pause)
        }
    }
}

/// Asks, and publishes the answers. Belongs to its loop's thread.
private final class EurekaReader {
    private let configuration: EurekaSource.Configuration
    private let publisher: SourcePublisher
    private let client: HTTPClient
    private var replica: EurekaReplica
    private var timer: LoopEvent?

    init(_ configuration: EurekaSource.Configuration, _ publisher: SourcePublisher, on loop: EventLoop) throws {
        self.configuration = configuration
        self.publisher = publisher
        client = try HTTPClient(on: loop)
        if configuration.servers.contains(where: \.isSecure) {
            try client.believe(authorityPath: configuration.authorityPath)
        }
        replica = EurekaReplica(
            servers: configuration.servers.count, period: configuration.period, at: MonotonicClock.now())
        timer = try LoopEvent.timer(on: loop) { [unowned self] onLoop in ask(onLoop) }
        timer?.schedule(afterMilliseconds: 0)
    }

    func close(_ onLoop: borrowing OnLoop) {
        timer = nil
        client.close(onLoop)
    }

    private func ask(_ onLoop: borrowing OnLoop) {
        client.renewTrust()
        if publisher.isDropped { replica.forget() }
        let (question, server) = (replica.question, configuration.servers[replica.server])
        guard let url = server.appending(path: question == .everything ? "apps/" : "apps/delta") else {
            return fail(SourceProblem("the path of a URL in EUREKA_URL cannot be used"))
        }
        var request = OutgoingRequest(.get, url)
        request.fields = [("Accept", "application/json")]
        client.fetch(request, onLoop) { [unowned self] result, _ in
            switch result {
            case .success(let answer): take(answer, to: question)
            case .failure(let failure): fail(SourceProblem("it cannot be read: \(failure)", at: server.description))
            }
        }
    }

    private func take(_ answer: FetchedAnswer, to question: EurekaReplica.Question) {
        let place = configuration.servers[replica.server].description
        switch answer.head.status {
        case 200: break
        case 404 where question == .changes, 403 where question == .changes:
            return fail(SourceProblem("it has no list of changes", at: place), hasNoChanges: true)
        case 401: return fail(SourceProblem("it does not accept the credentials in EUREKA_URL (401)", at: place))
        case 403: return fail(SourceProblem("it answers 403, as a server does that is starting", at: place))
        default: return fail(SourceProblem("it answered \(answer.head.status)", at: place))
        }
        let now = SourceTime.now()
        do throws(SourceProblem) {
            let listing = try EurekaListing(
                json: answer.body, tagLimits: configuration.tagLimits, at: now.wall)
            let touched = replica.take(listing, at: now.monotonic)
            try publish(touched, question, at: now)
            publisher.confirm(
                listing.problems, lag: question == .changes && !touched.isEmpty ? listing.lag(at: now.wall) : nil,
                at: .now())
            schedule()
        } catch {
            fail(SourceProblem(error.sentence, at: place))
        }
    }

    private func publish(_ touched: [Name: [LeasedInstance]], _ question: EurekaReplica.Question, at now: SourceTime)
        throws(SourceProblem)
    {
        if question == .everything || publisher.isDropped {
            try publisher.replace(with: [configuration.namespace: replica.content], at: now)
        } else if !touched.isEmpty {
            try publisher.update(
                touched.map { SourceChange(configuration.namespace, $0.key, $0.value) }, at: now)
        }
    }

    private func fail(_ problem: SourceProblem, hasNoChanges: Bool = false) {
        let now = SourceTime.now()
        if replica.fail(hasNoChanges: hasNoChanges, at: now.monotonic) { publisher.fail(problem, at: now) }
        schedule()
    }

    private func schedule() {
        let wait = replica.next.rest(at: MonotonicClock.now())
        // Members do not ask together.
        timer?.schedule(afterMilliseconds: Int(wait > 0 ? Int64.random(in: wait * 9 / 10...wait) : 0))
    }
}

extension EurekaListing {
    /// How old the latest change is; nil where that is not said, or by a clock that is far from ours.
    fileprivate func lag(at now: Int64) -> Duration? {
        latestChange.map { now / 1_000_000 - $0 }.flatMap { (0...600_000).contains($0) ? .milliseconds($0) : nil }
    }
}
