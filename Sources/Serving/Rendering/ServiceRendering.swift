// A service as a protocol writes it, rendered once for all requests: the answers about the service and the lists of its
// namespace are put together of these.

import Catalog
import HTTP
import JSON
import RegistryCore
import Synchronization
import Text
import Time

/// The instances of one service as they were at one moment, whole and as everybody gets them. Safe to use from any
/// thread.
final class ServiceRendering: Sendable {
    /// Instances of one status that lie side by side in `all`.
    private struct Run {
        let status: InstanceStatus
        var range: Range<Int>
        var count = 1
    }

    let namespace: Namespace
    let service: Name
    let format: Format
    /// The service's revision when it was read.
    let revision: Revision
    let validity: Validity
    /// The sum of the hashes of instances that it leaves out because their leases have run out.
    let overdue: UInt64
    /// All instances that the format shows, by their ids. Not empty.
    let all: Fragment
    /// Invariant: in the order of `all`, and neighbours differ in status.
    private let runs: [Run]
    /// The statuses asked for so far, each with its instances; stays empty where all instances have one status.
    private let byStatus = Mutex<[(status: InstanceStatus, fragment: Fragment)]>([])

    /// Renders a service's listing; nil when there is no instance that the format shows. `scratch` is emptied, and kept
    /// for the next one.
    init?(
        _ listing: ServiceListing, of service: Name, in namespace: Namespace, _ format: Format, _ validity: Validity,
        _ budget: inout RenderBudget, scratch: inout [UInt8]
    ) throws(RenderStop) {
        guard !listing.instances.isEmpty else { return nil }
        self.namespace = namespace
        self.service = service
        self.format = format
        self.validity = validity
        revision = listing.revision
        overdue = listing.overdue
        scratch.removeAll(keepingCapacity: true)
        var runs: [Run] = []
        var writer = format.writer(of: namespace)
        for leased in listing.instances {
            let end = scratch.count
            if end > 0 { scratch.append(literal: format.separator) }
            let start = scratch.count
            writer.append(leased, to: &scratch)
            try budget.make(scratch.count - start + 1)
            guard scratch.count > start else {
                scratch.removeLast(start - end)
                continue
            }
            let status = leased.instance.status
            if let last = runs.indices.last, runs[last].status == status {
                runs[last].range = runs[last].range.lowerBound..<scratch.count
                runs[last].count += 1
            } else {
                runs.append(Run(status: status, range: start..<scratch.count))
            }
        }
        guard !scratch.isEmpty else { return nil }
        self.runs = runs
        all = Fragment(scratch.fitted())
    }

    /// Whether it may be shown as this service at this revision and time.
    func isOf(_ service: Name, _ namespace: Namespace, _ format: Format, _ revision: Revision, at instant: Moment)
        -> Bool
    {
        self.revision == revision && self.format == format
            && validity.holds(at: instant.monotonic, instant.lease)
            && self.service == service
            && self.namespace == namespace
    }

    /// The instances of a status, or all of them, nil when there are none; and whether it costs more now.
    func fragment(_ status: InstanceStatus?) -> (Fragment?, isNew: Bool) {
        guard let status, runs.count > 1 || runs.first?.status != status else { return (all, false) }
        if let found = byStatus.withLock({ $0.first { $0.status == status } }) { return (found.fragment, false) }
        let wanted = runs.filter { $0.status == status }
        guard !wanted.isEmpty else { return (nil, false) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(wanted.reduce(0) { $0 + $1.range.count + 1 })
        for run in wanted {
            if !bytes.isEmpty { bytes.append(literal: format.separator) }
            bytes += all.bytes[run.range]
        }
        let fragment = Fragment(bytes)
        // Another thread may have made it meanwhile, too; then it is there twice, which is counted.
        byStatus.withLock { $0.append((status, fragment)) }
        return (fragment, true)
    }

    /// How many instances of a status there are, or of each.
    func forEachCount(_ status: InstanceStatus?, _ body: (InstanceStatus, Int) -> Void) {
        for run in runs where status == nil || run.status == status { body(run.status, run.count) }
    }

    /// What it takes in memory, in bytes, with some for what surrounds the text.
    var cost: Int {
        Self.overhead + service.text.utf8.count + runs.count * MemoryLayout<Run>.stride
            + byStatus.withLock { $0.reduce(all.count) { $0 + $1.fragment.count } }
    }

    /// The object, its fragments' headers, its slot in the cache, in bytes.
    private static let overhead = 400
}

/// Until when something rendered may be shown, as long as the revision is what it was.
struct Validity {
    /// How far `last_heartbeat` may lag behind: renewals do not count as changes (R318).
    static let maximumAge: Duration = .seconds(1)

    private(set) var freshUntil: MonotonicTime
    /// When the first lease in it runs out, unless it is renewed.
    private(set) var liveUntil: LeaseTime

    /// The validity of what is read from the catalog at a moment.
    init(readAt monotonic: MonotonicTime, liveUntil: LeaseTime) {
        freshUntil = monotonic + Self.maximumAge
        self.liveUntil = liveUntil
    }

    /// Whether it may be shown.
    func holds(at monotonic: MonotonicTime, _ now: LeaseTime) -> Bool { monotonic < freshUntil && now < liveUntil }

    /// Ends when the other does, if that is earlier.
    mutating func formIntersection(_ other: Validity) {
        freshUntil = min(freshUntil, other.freshUntil)
        liveUntil = min(liveUntil, other.liveUntil)
    }
}
