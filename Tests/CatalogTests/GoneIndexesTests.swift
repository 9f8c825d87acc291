// What is remembered of services and namespaces that have gone.

import TestTime
import Testing
import Time

@testable import Catalog

struct GoneIndexesTests {
    private let space = Namespace("a")

    @Test func `what goes is remembered by its last change, and the oldest is forgotten first`() {
        var gone = GoneIndexes()
        #expect(gone.index(of: Name("web"), in: space) == nil)
        gone.note(Name("web"), in: space, at: 5)
        gone.note(nil, in: space, at: 7)
        #expect(gone.index(of: Name("web"), in: space) == 5 && gone.index(of: nil, in: space) == 7)
        #expect(gone.index(of: Name("web"), in: Namespace("b")) == nil)
        // One that comes and goes takes one place.
        for index in 8..<5_000 as Range<UInt64> { gone.note(Name("web"), in: space, at: index) }
        #expect(gone.index(of: Name("web"), in: space) == 4_999 && gone.index(of: nil, in: space) == 7)
        for number in 2..<GoneIndexes.limit { gone.note(Name("s\(number)"), in: space, at: UInt64(number)) }
        gone.checkInvariants()
        #expect(gone.index(of: Name("web"), in: space) == 4_999)
        gone.note(Name("one more"), in: space, at: 9_000)
        #expect(gone.index(of: Name("web"), in: space) == nil && gone.index(of: nil, in: space) == 7)
        gone.note(Name("and another"), in: space, at: 9_001)
        #expect(gone.index(of: nil, in: space) == nil && gone.index(of: Name("one more"), in: space) == 9_000)
        gone.checkInvariants()
    }

    @Test func `a store tells the index of what is there, of what has gone, and of nothing else`() {
        let store = Store(namespaceCapacity: nil)
        #expect(store.lastIndex(of: Name("web"), in: space) == 0 && store.lastIndex(of: nil, in: space) == 0)
        _ = store.register(makeInstance(1), in: space, at: moment(10), by: nil)
        #expect(store.lastIndex(of: Name("web"), in: space) == 10_000)
        _ = store.register(makeInstance(2, service: "other"), in: space, at: moment(20), by: nil)
        _ = store.deregister(InstanceID.digest(1), in: space, evenIfUnknown: false, at: moment(30), by: nil)
        #expect(store.lastIndex(of: Name("web"), in: space) == 30_000)
        #expect(store.lastIndex(of: Name("other"), in: space) == 20_000)
        #expect(store.lastIndex(of: nil, in: space) == 30_000)
        _ = store.deregister(InstanceID.digest(2), in: space, evenIfUnknown: false, at: moment(40), by: nil)
        #expect(store.lastIndex(of: nil, in: space) == 40_000)
        #expect(store.lastIndex(of: Name("web"), in: space) == 30_000, "no stranger moves it")
        _ = store.register(makeInstance(1), in: space, at: moment(50), by: nil)
        #expect(store.lastIndex(of: Name("web"), in: space) == 50_000)
    }
}
