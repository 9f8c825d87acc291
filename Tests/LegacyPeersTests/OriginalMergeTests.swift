import Catalog
import Replication
import TestTime
import Testing
import Time

@testable import LegacyPeers

/// What an original's messages do to our catalog.
struct OriginalMergeTests {
    private let member = OneOfOurs()
    private let link: LinkID

    init() {
        link = member.openStream()
    }

    @Test func `a registration has the version of its time and of its sender`() throws {
        let registered = member.instance("i", registered: 200)
        member.receive(.register(registered), on: link)
        guard case .present(let instance, let version, let heartbeat) = try #require(member.held("i")) else {
            return #expect(Bool(false))
        }
        #expect(
            version
                == Version(
                    time: HybridTime(nanoseconds: registered.registered), origin: MemberID(original: OneOfOurs.peer)))
        #expect(instance.registered == registered.registered && instance.ttl == 30_000)
        #expect(heartbeat.age == 200 && heartbeat.wall == registered.lastRenewal)
    }

    @Test func `all else is the successor of what is held`() throws {
        member.receive(.register(member.instance("i")), on: link)
        let version = try #require(member.held("i")).version
        member.receive(.setStatus(id: bytes("i"), status: "OUT_OF_SERVICE"), on: link)
        #expect(member.held("i")?.version == version.successor(origin: MemberID(original: OneOfOurs.peer)))
        #expect(member.status("i") == "OUT_OF_SERVICE")
        member.receive(.deregister(id: bytes("i")), on: link)
        guard case .absent(_, let last, _, _) = try #require(member.held("i")) else { return #expect(Bool(false)) }
        #expect(last.time.bits == version.time.bits + 2)
    }

    @Test func `a renewal moves the lease and nothing else`() throws {
        member.receive(.register(member.instance("i")), on: link)
        let version = member.held("i")?.version
        for _ in 0..<5 {
            member.pass(20_000)
            member.receive(.renew(id: bytes("i")), on: link)
        }
        #expect(member.held("i")?.version == version)
        member.pass(29_900)
        #expect(member.isPresent("i"))
        member.pass(200)
        #expect(!member.isPresent("i"))
    }

    @Test func `what was heard from an original is told to nobody`() {
        let reader = member.stream(askedBy: OneOfOurs.other)
        let before = member.sent[reader]
        member.receive(
            .register(member.instance("i")), .setStatus(id: bytes("i"), status: "DOWN"), .renew(id: bytes("i")),
            on: link)
        member.receive(.deregister(id: bytes("i")), on: link)
        #expect(member.store.drain(includeRenewals: true, budget: 100, at: member.moment).changes.isEmpty)
        #expect(member.sent[reader] == before)
    }

    @Test func `an instance that was taken out gets a lease when it is brought back`() {
        member.receive(.register(member.instance("i", status: "OUT_OF_SERVICE")), on: link)
        member.pass(3_600_000)
        #expect(member.isPresent("i"))
        member.receive(.setStatus(id: bytes("i"), status: "UP"), on: link)
        #expect(member.status("i") == "UP")
        member.pass(31_000)
        #expect(!member.isPresent("i"))
    }

    @Test func `a late renewal does not bring back what was deregistered here, nor ask for it`() {
        let reader = member.stream()
        member.receive(.register(member.instance("i")), on: link)
        member.client(.deregister(.text(Name("i"))))
        let before = member.sent[reader]
        member.receive(.renew(id: bytes("i")), on: link)
        member.receive(.register(member.instance("i", registered: 60_000, renewed: 0)), kind: .repair, on: link)
        #expect(!member.isPresent("i"))
        #expect(member.sent[reader] == before)
    }

    @Test func `a registration by a clock that is two seconds behind comes after what it came after`() {
        member.client(.register(member.ours("i")))
        member.client(.deregister(.text(Name("i"))))
        member.pass(1_500)
        member.receive(.register(member.instance("i", registered: 2_500)), on: link)
        #expect(member.isPresent("i"))
    }

    @Test func `a registration by a clock that is an hour behind does too, since its answers say so`() {
        let slow = LegacyAnswer(isChunked: true, isPacked: false, date: member.wall - 3_600_000_000_000)
        let link = member.openStream(from: OneOfOurs.other, answer: slow)
        member.client(.register(member.ours("i")))
        member.pass(100)
        member.client(.deregister(.text(Name("i"))))
        member.pass(5_000)
        member.receive(.register(member.instance("i", registered: 3_600_000, ttl: 10)), on: link)
        #expect(member.isPresent("i"))
    }

    @Test func `a registration that lay on its way for long does not undo a later deregistration`() {
        member.client(.register(member.ours("i")))
        member.pass(10_000)
        member.client(.deregister(.text(Name("i"))))
        member.pass(10_000)
        member.receive(.register(member.instance("i", registered: 15_000)), on: link)
        #expect(!member.isPresent("i"))
    }

    @Test func `of two registrations the later stands, in whatever order they come`() {
        let (old, new) = (
            member.instance("i", registered: 900), member.instance("i", registered: 100, status: "STARTING")
        )
        member.receive(.register(new), .register(old), on: link)
        #expect(member.status("i") == "STARTING")
    }

    @Test
    func `who registers again at once, unknown here, is here, and has the version that it has where it was known`()
        throws
    {
        let other = OneOfOurs()
        for one in [member, other] { one.pass(5_000) }
        let otherLink = other.openStream()
        other.receive(.register(other.instance("i", registered: 4_000)), on: otherLink)
        let anew = member.instance("i", registered: 80)
        // One flush of the original's brings both.
        member.receive(.deregister(id: bytes("i")), .register(anew), on: link)
        other.receive(.deregister(id: bytes("i")), .register(anew), on: otherLink)
        #expect(member.isPresent("i") && other.isPresent("i"))
        #expect(member.held("i")?.version == other.held("i")?.version)
    }

    @Test func `who registers again at once is here when the lease had run out here only`() throws {
        member.receive(.register(member.instance("i", ttl: 10)), on: link)
        let version = try #require(member.held("i")).version
        member.pass(11_000)
        _ = member.store.expire(at: member.moment, budget: 1_000)
        member.receive(.deregister(id: bytes("i")), on: link)
        #expect(
            member.held("i")?.version == version.successor(origin: MemberID(original: OneOfOurs.peer)),
            "as of those who still have it")
        member.receive(.register(member.instance("i", registered: 80)), on: link)
        #expect(member.isPresent("i"))
    }

    @Test(arguments: [0, 80, 1_900, 60_000] as [Int64])
    func `what one original registers after it has deregistered it is here, whatever its clock says`(behind: Int64) {
        member.receive(.register(member.instance("i", registered: -1_900)), on: link)
        member.receive(.deregister(id: bytes("i")), .register(member.instance("i", registered: behind)), on: link)
        #expect(member.isPresent("i"))
    }

    @Test func `who deregisters at one original and registers at another at once is here`() {
        let other = member.openStream(from: OneOfOurs.other)
        member.receive(.deregister(id: bytes("i")), on: link)
        member.receive(.register(member.instance("i", registered: 80)), on: other)
        #expect(member.isPresent("i"))
    }

    @Test func `a registration from the future is taken for one of now, so that the next is later`() {
        member.receive(.register(member.instance("i", registered: -3_600_000)), on: link)
        member.pass(5_000)
        member.client(.register(member.ours("i", status: .starting)))
        #expect(member.status("i") == "STARTING")
    }

    @Test func `an endpoint of a kind that we do not know is logged once, and the rest goes on`() {
        var odd = member.instance("odd")
        odd.endpointType = "carrier pigeon"
        member.receive(.register(odd), .register(odd), .register(member.instance("i")), on: link)
        #expect(member.held("odd") == nil && member.isPresent("i"))
        let notes = member.directives.filter {
            if case .note(.unusable(_, .value(.endpoint))) = $0 { true } else { false }
        }
        #expect(notes.count == 1)
        #expect(member.originals.status.counts.unusable == 2)
    }
}
