// Tags as a client shows them (RFC 9110, sections 8.8.3 and 13.1.2).

import Catalog
import Testing

@testable import Serving

struct EntityTagTests {
    private static let tag = EntityTag(scope: 0xfedc_ba98_7654_3210, digest: 0x1c)
    /// The tag without `W/`.
    private static let opaque = String(tag.field.dropFirst(2))
    /// The first sixteen digits.
    private static let scope = String(opaque.dropFirst().prefix(16))

    @Test func `a tag is weak, and made of visible characters`() {
        #expect(Self.tag.field.wholeMatch(of: /W\/"[0-9a-f]{16}-1c"/) != nil)
        #expect(EntityTag(scope: 1, digest: 0).field.hasSuffix("-0\""))
    }

    @Test func `small scopes have all their digits`() {
        for list in 0..<100_000 as Range<UInt64> {
            let field = EntityTag(scope: list, digest: 1).field
            #expect(field.utf8.count == 22)
        }
    }

    @Test func `list and content each make another tag`() {
        let others = [
            EntityTag(scope: 0xfedc_ba98_7654_3211, digest: 0x1c), EntityTag(scope: Self.tag.scope, digest: 0x1d),
            EntityTag(scope: Self.tag.scope, digest: 0),
        ]
        for other in others { #expect(!other.isNamed(in: Array(Self.tag.field.utf8)[...])) }
    }

    @Test func `resource, namespace and the request's bytes make the scope, the same in every process`() {
        func scope(_ resource: ListedResource, _ namespace: String, _ key: String) -> UInt64 {
            EntityTag.scope(of: resource, Namespace(namespace), Array("xx\(key)".utf8)[2...])
        }
        let scopes = [
            scope(.instances, "a", ""), scope(.services, "a", ""), scope(.service, "a", ""), scope(.instances, "b", ""),
            scope(.instances, "a", "b"), scope(.instances, "ab", ""), scope(.instances, "a", "status=UP"),
            scope(.instances, "a", "status=up"),
        ]
        #expect(Set(scopes).count == scopes.count)
        // What a member of another process, or of a later build of this release, has.
        #expect(scope(.instances, "default", "status=ALL") == 8_351_082_260_118_220_464)
    }

    @Test(arguments: [
        (opaque, true), ("W/\(opaque)", true), ("  W/\(opaque)\t", true), ("\"a\", \(opaque)", true),
        ("W/\"\",W/\(opaque)", true),
        ("\"a,b\" , , \(opaque), \"c\"", true), (",\(opaque),", true), ("\"\u{e9}\",\(opaque)", true),
        ("\(opaque), what follows", true),
        ("", false), ("*", false), ("\"*\"", false), ("W/", false), ("\"", false), ("\"\"", false),
        ("w/\(opaque)", false),
        (String(opaque.dropLast()), false), (String(opaque.dropFirst()), false),
        (String(opaque.dropFirst().dropLast()), false),
        ("W/W/\(opaque)", false), ("W /\(opaque)", false), ("a, \(opaque)", false), ("\"a\"\(opaque)", false),
        ("\"a\"b, \(opaque)", false),
        ("'\(opaque)'", false), ("\"\(scope)\"", false), ("\"\(scope)-\"", false), ("\"\(scope)-1C\"", false),
        ("\"\(scope)-1d\"", false),
        ("\"\(scope)-1c \"", false), ("\" \(scope)-1c\"", false), ("\"\(scope)-10000000000000001c\"", false),
        ("\"\(scope) 1c\"", false),
        ("\"0\(scope)-1c\"", false), ("\"-1c\"", false),
    ])
    func `a list of tags has the tag or it does not`(_ field: String, _ isNamed: Bool) {
        #expect(Self.tag.isNamed(in: Array(field.utf8)[...]) == isNamed, "\(field)")
        // Slices do not begin at 0.
        #expect(Self.tag.isNamed(in: Array("xx\(field)".utf8)[2...]) == isNamed, "\(field)")
    }

    @Test(arguments: [("*", true), ("", false), ("**", false), ("\"*\"", false), ("*,", false)])
    func `an asterisk stands for anything, alone`(_ field: String, _ isAnything: Bool) {
        #expect(EntityTag.isAnything(Array(field.utf8)[...]) == isAnything)
    }
}
