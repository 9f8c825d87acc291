// The list of services with their tags, and its index.

import Testing

@testable import Catalog
@testable import RegistryCore

struct ServiceTagsTests {
    private let lookup = Lookup(Store(namespaceCapacity: nil))

    private func service(_ name: String, _ index: UInt64, _ tags: [String] = [], isListed: Bool = true) -> TaggedService
    {
        TaggedService(
            Name(name), revision: Revision(digest: index, index: index), isListed: isListed,
            tags: tags.map { Array($0.utf8) })
    }

    @Test func `the last change between two lists is that of a name or a tag`() {
        func last(_ old: [TaggedService], _ new: [TaggedService]) -> UInt64? {
            ServiceTags.lastChange(from: old, to: new) { $0 == Name("b") ? 50 : 1 }
        }
        let old = [service("a", 1, ["x"]), service("b", 2)]
        #expect(last(old, old) == nil && last([], []) == nil)
        #expect(last(old, [service("a", 9, ["x"]), service("b", 8)]) == nil, "instances alone are no change")
        #expect(last(old, [service("a", 9, ["y"]), service("b", 8)]) == 9)
        #expect(last(old, [service("a", 1, ["x"])]) == 50)
        #expect(last(old, old + [service("c", 7)]) == 7)
        #expect(last(old, [service("A", 3), service("a", 9, ["y"])]) == 50)
        // One without an address is not shown.
        #expect(last(old, old + [service("c", 7, isListed: false)]) == nil)
        #expect(last([service("b", 1, isListed: false)], []) == nil)
        #expect(last([service("b", 1, isListed: false)], [service("b", 6)]) == 6)
    }

    @Test func `an index goes on from the one that was known`() {
        let known = ServiceTags()
        let namespace = Namespace("n")
        func note(_ index: UInt64, _ services: [TaggedService]) -> TaggedServices {
            known.note(services, of: namespace, revision: Revision(digest: index, index: index), lookup)
        }
        #expect(known.last(of: namespace) == nil)
        #expect(note(10, [service("a", 10)]).index == 10, "the first index is the namespace's")
        #expect(note(20, [service("a", 20)]).index == 10)
        #expect(note(30, [service("a", 30, ["t"])]).index == 30)
        // It was removed, which is not remembered here.
        #expect(note(40, []).index == 31)
        // The namespace is empty, as the look-up has it: who comes too late gets that.
        #expect(known.note([], of: namespace, revision: .none, lookup).index == 31)
        let late = note(35, [service("a", 35, ["late"])])
        #expect(late.index == 31 && late.services.isEmpty)
        #expect(known.last(of: namespace)?.revision == Revision.none)
    }

    @Test func `the namespaces that nobody asks for are forgotten`() {
        let known = ServiceTags()
        let revision = Revision(digest: 1, index: 1)
        for number in 0..<ServiceTags.countLimit {
            _ = known.note([], of: Namespace("n\(number)"), revision: revision, lookup)
        }
        #expect(known.last(of: Namespace("n0")) != nil)
        _ = known.note([], of: Namespace("one more"), revision: revision, lookup)
        #expect(known.last(of: Namespace("n1")) == nil && known.last(of: Namespace("n0")) != nil)
        let large = service("x", 1, [String(repeating: "t", count: ServiceTags.byteLimit)])
        _ = known.note([large], of: Namespace("large"), revision: revision, lookup)
        #expect(known.last(of: Namespace("large")) == nil, "what is too large is not kept")
        #expect(known.last(of: Namespace("one more")) != nil)
    }
}
