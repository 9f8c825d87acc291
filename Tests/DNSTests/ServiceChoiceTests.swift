// Which service a name in lower case means, when names of services differ by case and have dots.

import Catalog
import TestDNS
import Testing

@testable import DNS

struct ServiceChoiceTests {
    private struct View: ServiceView {
        let all: Set<Name>
        var isKnown = true

        init(_ names: [String], isKnown: Bool = true) { (all, self.isKnown) = (Set(names.map { Name($0) }), isKnown) }

        func exists(_ service: Name) -> Bool { all.contains(service) }
        var names: FoldedNames? { isKnown ? FoldedNames(all) : nil }
    }

    private func choose(_ name: String, _ view: View) throws -> String {
        guard
            case .service(_, let readings, let labels) = Zone(try #require(DomainName("a8".utf8))).place(
                of: DomainName(folded: wire(name + ".service.a8")))
        else { return "missing" }
        switch ServiceChoice(readings, labels: labels, in: view) {
        case .service(let name, let reading):
            guard let tag = reading.tag else { return name.text }
            return "\(name.text) tag \(tag)"
        case .empty: return "empty"
        case .missing: return "missing"
        }
    }

    @Test func `an exact name wins over others that differ in case`() throws {
        #expect(try choose("web", View(["web", "WEB", "Web"])) == "web")
        #expect(try choose("web", View(["WEB"])) == "WEB")
        #expect(try choose("web", View(["Web"])) == "Web")
        #expect(try choose("web", View([])) == "missing")
    }

    @Test func `two that differ in case are none, and each can be asked for by its bytes`() throws {
        let view = View(["Web", "WEB"])
        #expect(try choose("web", view) == "missing")
        #expect(try choose(ZoneTests.labels(Array("Web".utf8)), view) == "Web")
        #expect(try choose(ZoneTests.labels(Array("WEB".utf8)), view) == "WEB")
        #expect(try choose(ZoneTests.labels(Array("web".utf8)), view) == "missing")
    }

    @Test func `a name with dots wins over a tag`() throws {
        #expect(try choose("v1.web", View(["web", "v1.web"])) == "v1.web")
        #expect(try choose("v1.web", View(["web"])).hasPrefix("web tag"))
        #expect(try choose("v1.web", View(["WEB"])).hasPrefix("WEB tag"))
        #expect(try choose("v1.web", View(["V1.web", "web"])) == "V1.web")
    }

    @Test func `what is a part of longer names is not missing`() throws {
        let view = View(["api.shop.example", "X.Upper"])
        #expect(try choose("api.shop.example", view) == "api.shop.example")
        #expect(try choose("shop.example", view) == "empty")
        #expect(try choose("example", view) == "empty")
        #expect(try choose("upper", view) == "empty")
        #expect(try choose("shop", view) == "missing")
        #expect(try choose("pi.shop.example", view) == "missing")
    }

    @Test func `with too many services to know their names, capitals alone are still found`() throws {
        let view = View(["WEB", "Mixed"], isKnown: false)
        #expect(try choose("web", view) == "WEB")
        #expect(try choose("mixed", view) == "missing")
    }
}
