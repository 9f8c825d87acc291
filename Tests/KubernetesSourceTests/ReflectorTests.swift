// When to list, to watch and to wait, as stories of what the server does.

import TestTime
import Testing
import Time

@testable import KubernetesSource

struct ReflectorTests {
    /// One that has listed version 5 and watches from it, at 1,000.
    private static func watching() -> Box<Reflector> {
        let reflector = Box(Reflector(longestWatch: 10_000, at: 0))
        _ = reflector.value.next(at: 0, chance: 0)
        let isWhole = reflector.value.listed(version: "5", continuation: nil, at: 500)
        #expect(isWhole)
        let watch = reflector.value.next(at: 1_000, chance: 0)
        #expect(
            watch
                == .watch(
                    "watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=300", milliseconds: 300_000))
        return reflector
    }

    private static func isWatch(_ request: Reflector.Request, from version: String) -> Bool {
        guard case .watch(let query, _) = request else { return false }
        return query.contains("resourceVersion=\(version)&")
    }

    @Test func `the first list is what the server has at hand, in pages`() {
        let reflector = Box(Reflector(longestWatch: 600, at: 0))
        #expect(
            reflector.value.due == 0 && reflector.value.next(at: 0, chance: 0) == .list("limit=500&resourceVersion=0"))
        #expect(!reflector.value.listed(version: "5", continuation: "a/b=", at: 10) && !reflector.value.beginsList)
        #expect(reflector.value.next(at: 10, chance: 0) == .list("limit=500&continue=a%2Fb%3D"))
        #expect(reflector.value.listed(version: "5", continuation: nil, at: 20) && reflector.value.due == 20)
        #expect(Self.isWatch(reflector.value.next(at: 20, chance: 0), from: "5"))
    }

    @Test func `a page that comes too late has the list read anew, in one piece`() {
        let reflector = Box(Reflector(longestWatch: 600, at: 0))
        _ = reflector.value.next(at: 0, chance: 0)
        _ = reflector.value.listed(version: "5", continuation: "x", at: 10)
        _ = reflector.value.next(at: 10, chance: 0)
        reflector.value.listFailed(status: 410, retryAfter: nil, at: 20, chance: 0.5)
        #expect(reflector.value.beginsList && reflector.value.due == 820)
        #expect(reflector.value.next(at: 820, chance: 0) == .list("resourceVersion=0"))
    }

    @Test func `a watch goes on from the last event or bookmark`() {
        let reflector = Self.watching()
        reflector.value.changed(version: "6")
        reflector.value.changed(version: nil)
        reflector.value.watchEnded(at: 400_000, chance: 0)
        #expect(reflector.value.due == 400_000 && !reflector.value.hasBookmarks)
        #expect(Self.isWatch(reflector.value.next(at: 400_000, chance: 0), from: "6"))
        reflector.value.bookmarked(version: "9")
        reflector.value.watchEnded(at: 400_100, chance: 0)
        #expect(reflector.value.hasBookmarks && Self.isWatch(reflector.value.next(at: 400_100, chance: 0), from: "9"))
    }

    @Test func `410 has the list read from the last version, then the newest`() {
        let reflector = Self.watching()
        reflector.value.changed(version: "6")
        reflector.value.watchFailed(WatchStatus(code: 410), retryAfter: nil, at: 5_000, chance: 0)
        #expect(reflector.value.due == 5_000)
        #expect(reflector.value.next(at: 5_000, chance: 0) == .list("limit=500&resourceVersion=6"))
        reflector.value.listFailed(status: 410, retryAfter: nil, at: 5_010, chance: 0)
        let due = reflector.value.due ?? .zero
        #expect(due > 5_010 && reflector.value.next(at: due, chance: 0) == .list("limit=500"))
    }

    @Test func `a server that says 410 to every watch is not listed without a pause`() {
        let reflector = Self.watching()
        reflector.value.watchFailed(WatchStatus(code: 410), retryAfter: nil, at: 1_001, chance: 0)
        #expect(reflector.value.due == 1_401)
    }

    @Test(arguments: [WatchStatus(code: 429), WatchStatus(code: 500), WatchStatus(code: 401), nil])
    func `other failures have it watch again, after a while, and not list`(status: WatchStatus?) {
        let reflector = Self.watching()
        reflector.value.watchFailed(status, retryAfter: nil, at: 2_000, chance: 0.5)
        #expect(reflector.value.due == 2_800)
        #expect(Self.isWatch(reflector.value.next(at: 2_800, chance: 0), from: "5"))
    }

    @Test func `a pause that is asked for is kept, within reason`() {
        let reflector = Self.watching()
        reflector.value.watchFailed(WatchStatus(code: 429, retryAfter: 20), retryAfter: nil, at: 2_000, chance: 0.5)
        #expect(reflector.value.due == 22_000)
        _ = reflector.value.next(at: 22_000, chance: 0)
        reflector.value.watchFailed(WatchStatus(code: 429, retryAfter: .max), retryAfter: nil, at: 30_000, chance: 0)
        #expect(reflector.value.due == 330_000)
    }

    @Test func `waits double up to half a minute, and begin anew after two good minutes`() {
        let reflector = Self.watching()
        var waits: [Duration] = []
        var now: MonotonicTime = 2_000
        for _ in 0..<8 {
            reflector.value.watchFailed(nil, retryAfter: nil, at: now, chance: 0.5)
            waits.append((reflector.value.due ?? .zero) - now)
            now = reflector.value.due ?? .zero
            _ = reflector.value.next(at: now, chance: 0)
        }
        #expect(waits == [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000])
        reflector.value.watchFailed(nil, retryAfter: nil, at: now + 200_000, chance: 0.5)
        #expect(reflector.value.due == now + 200_800)
    }

    @Test func `a watch that ends at once with nothing has failed`() {
        let reflector = Self.watching()
        #expect(reflector.value.watchEnded(at: 1_500, chance: 0.5) && reflector.value.due == 2_300)
        _ = reflector.value.next(at: 2_300, chance: 0)
        reflector.value.bookmarked(version: "6")
        #expect(!reflector.value.watchEnded(at: 2_400, chance: 0.5) && reflector.value.due == 2_400)
    }

    @Test func `without a version there is nothing to watch from`() {
        let reflector = Box(Reflector(longestWatch: 600, at: 0))
        _ = reflector.value.next(at: 0, chance: 0)
        let isWhole = reflector.value.listed(version: nil, continuation: nil, at: 10)
        #expect(isWhole)
        #expect(reflector.value.next(at: 10, chance: 0) == .list("limit=500"))
    }
}
