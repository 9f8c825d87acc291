// One collection of objects of the API server, listed and watched: the EndpointSlices of a namespace or of all, or the
// metadata of pods. A list is held back until its last page is in; the old view stays until then.
//
//   Reflector (when, and what) ──► request ──► JSONSplitter (values) ──► EndpointSlice, WatchEvent ──► KubernetesView

import HTTP
import HTTPClient
import JSON
import Libevent
import RegistryCore
import System
import Time

/// What is read of it.
enum CollectionKind: Sendable {
    case slices, pods

    /// The path of the collection.
    func path(in namespace: String?) -> String {
        let place = namespace.map { "namespaces/\($0)/" } ?? ""
        return switch self {
        case .slices: "/apis/discovery.k8s.io/v1/\(place)endpointslices"
        case .pods: "/api/v1/\(place)pods"
        }
    }

    /// Of pods the metadata alone: the rest may be kilobytes each.
    func accept(isList: Bool) -> String {
        switch self {
        case .slices: "application/json"
        case .pods:
            "application/json;as=PartialObjectMetadata\(isList ? "List" : "");g=meta.k8s.io;v=v1"
        }
    }

    var phrase: String {
        switch self {
        case .slices: "EndpointSlices"
        case .pods: "pods"
        }
    }
}

/// Reads one collection. Belongs to its loop's thread.
final class WatchedCollection {
    /// Bytes of an object: etcd's own limit is 1.5 MiB.
    private static let objectLimit = 3 << 20
    /// Bytes of a list, all pages apart: of a million endpoints.
    private static let listLimit = 1 << 30
    /// The API server writes a page as one chunk.
    private static let listChunk = 128 << 20
    /// Objects of a list.
    private static let objectCount = 1_000_000
    /// Without a byte for so long, where bookmarks come each minute, a stream is dead, in milliseconds.
    private static let silence = 150_000
    /// For how long a watch must go on until a failure before it is over, in milliseconds.
    private static let trial = 1_000
    /// What a watch may take longer than it was asked to last, in milliseconds.
    private static let grace = 30_000

    /// What has come of the list that is being read.
    private struct Listing {
        var slices: [ObjectKey: PackedSlice] = [:]
        var pods: [ObjectKey: ObjectMetadata] = [:]
        var instances = 0
        /// Of the present page.
        var version: String?
        var continuation: String?
    }

    let kind: CollectionKind
    let namespace: String?
    private unowned let owner: KubernetesReader
    private var reflector: Reflector
    private var timer: LoopEvent?
    private var exchange: ClientExchangeID?
    private var splitter = JSONSplitter(.list, limit: objectLimit)
    private var listing = Listing()
    private var isListing = true
    /// Whether an event has come since `problem` was looked at.
    private var hasEvent = false
    /// What is wrong with the answer that is being read; it is given up.
    private var fault: Fault?
    /// Why it is not read at present.
    private(set) var problem: SourceProblem?
    /// Whether a list has been read.
    private(set) var hasListed = false
    /// The last sign of life.
    private(set) var confirmedAt: MonotonicTime?

    private enum Fault {
        case answer(String)
        case status(WatchStatus)
    }

    init(
        _ kind: CollectionKind, in namespace: String?, of owner: KubernetesReader, on loop: EventLoop,
        at now: MonotonicTime
    )
        throws(LibeventError)
    {
        self.kind = kind
        self.namespace = namespace
        self.owner = owner
        reflector = Reflector(longestWatch: Int(owner.configuration.maximumAge.components.seconds / 2), at: now)
        timer = try LoopEvent.timer(on: loop) { [unowned self] onLoop in ask(onLoop) }
    }

    /// Asks for what is due, now or when it is.
    func proceed(at now: MonotonicTime) {
        guard let due = reflector.due else { return }
        timer?.schedule(afterMilliseconds: Int(due.rest(at: now)))
    }

    func close(_ onLoop: borrowing OnLoop) {
        if let exchange { owner.client.cancel(exchange, onLoop) }
        exchange = nil
        timer = nil
    }

    // MARK: - Requests

    private func ask(_ onLoop: borrowing OnLoop) {
        guard exchange == nil else {
            // The watch has passed its trial.
            if !isListing, problem != nil { confirm(onLoop) }
            return
        }
        let now = MonotonicClock.now()
        guard let due = reflector.due else { return }
        guard due <= now else { return proceed(at: now) }
        if reflector.beginsList { listing = Listing() }
        fault = nil
        let asked = reflector.next(at: now, chance: owner.chance())
        let query: String
        switch asked {
        case .list(let text): (query, isListing) = (text, true)
        case .watch(let text, _): (query, isListing) = (text, false)
        }
        listing.version = nil
        listing.continuation = nil
        splitter = JSONSplitter(isListing ? .list : .stream, limit: Self.objectLimit)
        guard let url = owner.url.appending(path: "\(kind.path(in: namespace).dropFirst())?\(query)") else {
            // Opaque as they are, a server's words are percent-encoded: this cannot be.
            return fail("the request cannot be written", onLoop)
        }
        var request = OutgoingRequest(.get, url)
        request.fields = [("Accept", kind.accept(isList: isListing))]
        if let token = owner.configuration.token.current(at: now) {
            request.fields.append(("Authorization", "Bearer \(token)"))
        }
        request.limits.chunk = isListing ? Self.listChunk : Self.objectLimit + (64 << 10)
        request.limits.body = isListing ? Self.listLimit : .max
        request.deadlines.connect = 10_000
        request.deadlines.head = 60_000
        request.deadlines.whole = 300_000
        if case .watch(_, let milliseconds) = asked {
            request.deadlines.whole = milliseconds + Self.grace
            request.deadlines.silence = reflector.hasBookmarks ? Self.silence : nil
        }
        exchange = owner.client.start(request, onLoop) { [unowned self] event, onLoop in came(event, onLoop) }
    }

    private func came(_ event: ClientEvent, _ onLoop: borrowing OnLoop) {
        switch event {
        case .head(let head): headed(head, onLoop)
        case .body(let bytes): read(bytes, onLoop)
        case .ended: ended(onLoop)
        case .failed(let failure):
            exchange = nil
            fail(failure.description, onLoop)
        }
    }

    private func headed(_ head: ReceivedHead, _ onLoop: borrowing OnLoop) {
        guard head.status == 200 else {
            giveUp(onLoop)
            let retryAfter = head.first("Retry-After").flatMap(Int.init)
            if head.status == 401 { owner.configuration.token.forget() }
            return refuse(WatchStatus(code: head.status, retryAfter: retryAfter), onLoop)
        }
        guard head.first("Content-Type").map({ $0.lowercased().hasPrefix("application/json") }) ?? true else {
            giveUp(onLoop)
            return fail("the answer is no JSON", onLoop)
        }
        guard !isListing else { return }
        // A watch has been taken: what is shown is what there is. After a failure more than a head must come, or each
        // attempt would look like a recovery.
        if problem == nil { confirm(onLoop) } else { timer?.schedule(afterMilliseconds: Self.trial) }
    }

    private func read(_ bytes: [UInt8], _ onLoop: borrowing OnLoop) {
        do throws(JSONSplitter.Fault) {
            try splitter.feed(bytes) { piece in
                guard fault == nil else { return }
                do throws(JSONError) {
                    if isListing { try list(piece) } else if case .value(let json) = piece { try apply(json) }
                } catch {
                    fault = .answer("an object of the answer cannot be read: \(error.sentence)")
                }
            }
        } catch {
            if fault == nil { fault = .answer(error.sentence) }
        }
        if owner.view.hasChanges { owner.publishSoon() }
        guard let fault else {
            if hasEvent, problem != nil { confirm(onLoop) }
            hasEvent = false
            return
        }
        giveUp(onLoop)
        switch fault {
        case .answer(let sentence): fail(sentence, onLoop)
        case .status(let status): refuse(status, onLoop)
        }
    }

    private func giveUp(_ onLoop: borrowing OnLoop) {
        if let exchange { owner.client.cancel(exchange, onLoop) }
        exchange = nil
    }

    private func ended(_ onLoop: borrowing OnLoop) {
        exchange = nil
        let now = MonotonicClock.now()
        guard isListing else {
            guard splitter.isComplete else { return fail("the watch ends within an object", onLoop) }
            if reflector.watchEnded(at: now, chance: owner.chance()) {
                report("the watch ends as soon as it has begun", onLoop)
            }
            return proceed(at: now)
        }
        guard splitter.isComplete else { return fail("the list ends too early", onLoop) }
        if reflector.listed(version: listing.version, continuation: listing.continuation, at: now) { adopt(onLoop) }
        proceed(at: now)
    }

    // MARK: - What the server says

    /// A part of a list's page.
    private func list(_ piece: JSONSplitter.Piece) throws(JSONError) {
        switch piece {
        case .member("metadata", let json):
            // Never the versions of the items, which come in whatever order.
            var reader = JSONReader(json)
            guard try reader.enterObjectUnlessNull() else { return }
            while let key = try reader.nextKey() {
                switch key {
                case "resourceVersion": listing.version = try reader.readStringOrNull()
                case "continue": listing.continuation = try reader.readStringOrNull()
                default: try reader.skipValue()
                }
            }
            if listing.version?.isEmpty == true { listing.version = nil }
            if listing.continuation?.isEmpty == true { listing.continuation = nil }
        case .member("kind", let json):
            var reader = JSONReader(json)
            guard try reader.readStringOrNull().map({ $0.hasSuffix("List") }) ?? true else {
                fault = .answer("the answer is no list")
                return
            }
        case .member: break
        case .value(let json):
            switch kind {
            case .slices:
                guard let slice = try EndpointSlice.read(json).slice else { return }
                let before = listing.slices.updateValue(PackedSlice(slice), forKey: slice.key)
                listing.instances += slice.instanceCount - (before?.counts.instances ?? 0)
            case .pods:
                let metadata = try ObjectMetadata(ofObject: json)
                if let key = metadata.key { listing.pods[key] = metadata }
            }
            if listing.instances > KubernetesView.instanceLimit
                || listing.slices.count + listing.pods.count > Self.objectCount
            {
                fault = .answer(KubernetesReader.tooMany)
            }
        }
    }

    /// The list is whole.
    private func adopt(_ onLoop: borrowing OnLoop) {
        let listing = listing
        self.listing = Listing()
        do throws(KubernetesView.Refusal) {
            switch kind {
            case .slices: try owner.view.replace(in: namespace, with: listing.slices, at: WallClock.nanoseconds())
            case .pods: owner.view.replacePods(in: namespace, with: listing.pods)
            }
            hasListed = true
            confirm(onLoop)
        } catch {
            problem = SourceProblem(KubernetesReader.tooMany, at: namespace)
            hasListed = true
            owner.settle(isAlive: false, onLoop)
        }
    }

    /// An event of a watch.
    private func apply(_ json: [UInt8]) throws(JSONError) {
        switch try WatchEvent(json) {
        case .bookmark(let version):
            reflector.bookmarked(version: version)
            if let exchange { owner.client.limitSilence(of: exchange, to: Self.silence) }
        case .error(let status): fault = .status(status)
        case .unknown: return
        case .change(let change, let object):
            let metadata: ObjectMetadata
            switch (kind, change) {
            case (.slices, .put):
                let (read, slice) = try EndpointSlice.read(object)
                metadata = read
                if let slice {
                    do throws(KubernetesView.Refusal) {
                        try owner.view.put(slice.key, PackedSlice(slice), at: WallClock.nanoseconds())
                    } catch {
                        fault = .answer(KubernetesReader.tooMany)
                    }
                } else if let key = metadata.key {
                    // It belongs to no service any more.
                    owner.view.remove(key)
                }
            case (.slices, .delete):
                metadata = try ObjectMetadata(ofObject: object)
                if let key = metadata.key { owner.view.remove(key) }
            case (.pods, .put):
                metadata = try ObjectMetadata(ofObject: object)
                owner.view.putPod(metadata)
            case (.pods, .delete):
                metadata = try ObjectMetadata(ofObject: object)
                if let key = metadata.key { owner.view.removePod(key) }
            }
            reflector.changed(version: metadata.resourceVersion)
        }
        hasEvent = true
        confirmedAt = MonotonicClock.now()
        owner.publishSoon()
    }

    private func refuse(_ status: WatchStatus, _ onLoop: borrowing OnLoop) {
        let now = MonotonicClock.now()
        if isListing {
            reflector.listFailed(status: status.code, retryAfter: status.retryAfter, at: now, chance: owner.chance())
        } else {
            reflector.watchFailed(status, retryAfter: nil, at: now, chance: owner.chance())
        }
        // Nothing unusual: the server forgets after some minutes.
        if !status.isExpired || isListing { report(Self.sentence(status, kind), onLoop) }
        proceed(at: now)
    }

    private func fail(_ sentence: String, _ onLoop: borrowing OnLoop) {
        let now = MonotonicClock.now()
        if isListing {
            reflector.listFailed(status: nil, retryAfter: nil, at: now, chance: owner.chance())
        } else {
            reflector.watchFailed(nil, retryAfter: nil, at: now, chance: owner.chance())
        }
        report(sentence, onLoop)
        proceed(at: now)
    }

    private func report(_ sentence: String, _ onLoop: borrowing OnLoop) {
        problem = SourceProblem("the \(kind.phrase) of Kubernetes cannot be read: \(sentence)", at: namespace)
        owner.settle(isAlive: false, onLoop)
    }

    private func confirm(_ onLoop: borrowing OnLoop) {
        confirmedAt = MonotonicClock.now()
        problem = nil
        owner.settle(isAlive: true, onLoop)
    }

    private static func sentence(_ status: WatchStatus, _ kind: CollectionKind) -> String {
        switch status.code {
        case 401: "the API server does not accept the token (401)"
        case 403: "the token may not list and watch \(kind.phrase) there (403)"
        case 404: "the API server has no such path (404)"
        case 410: "the API server has forgotten the version that it is asked for (410)"
        case 429: "the API server asks for a pause (429)"
        case let code?: "the API server answered \(code)"
        case nil: "the API server ended the watch with an error"
        }
    }
}
