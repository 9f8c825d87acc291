// Tags as a client shows them (RFC 9110, sections 8.8.3 and 13.1.2).

import Testing

@testable import RegistryServer

struct EntityTagTests {
    private static let tag = EntityTag(list: 1, nonce: 2, revision: 0x1c)
    /// The tag without `W/`.
    private static let opaque = String(tag.field.dropFirst(2))
    /// Its sixteen digits.
    private static let scope = String(opaque.dropFirst().prefix(16))

    @Test func `a tag is weak, and made of visible characters`() {
        #expect(Self.tag.field.wholeMatch(of: /W\/"[0-9a-f]{16}-1c"/) != nil)
        #expect(EntityTag(list: 1, nonce: 2, revision: 0).field.hasSuffix("-0\""))
    }

    @Test func `small scopes have all their digits`() {
        for list in 0..<100_000 as Range<UInt64> {
            let field = EntityTag(list: list, nonce: 0, revision: 1).field
            #expect(field.utf8.count == 22)
        }
    }

    @Test func `list, boot and revision each make another tag`() {
        let others = [
            EntityTag(list: 3, nonce: 2, revision: 0x1c), EntityTag(list: 1, nonce: 3, revision: 0x1c),
            EntityTag(list: 1, nonce: 2, revision: 0x1d), EntityTag(list: 1, nonce: 2, revision: 0),
        ]
        for other in others { #expect(!other.isNamed(in: Array(Self.tag.field.utf8)[...])) }
    }

    @Test(arguments: [
        (opaque, true), ("W/\(opaque)", true), ("  W/\(opaque)\t", true), ("\"a\", \(opaque)", true), ("W/\"\",W/\(opaque)", true),
        ("\"a,b\" , , \(opaque), \"c\"", true), (",\(opaque),", true), ("\"\u{e9}\",\(opaque)", true), ("\(opaque), what follows", true),
        ("", false), ("*", false), ("\"*\"", false), ("W/", false), ("\"", false), ("\"\"", false), ("w/\(opaque)", false),
        (String(opaque.dropLast()), false), (String(opaque.dropFirst()), false), (String(opaque.dropFirst().dropLast()), false),
        ("W/W/\(opaque)", false), ("W /\(opaque)", false), ("a, \(opaque)", false), ("\"a\"\(opaque)", false), ("\"a\"b, \(opaque)", false),
        ("'\(opaque)'", false), ("\"\(scope)\"", false), ("\"\(scope)-\"", false), ("\"\(scope)-1C\"", false), ("\"\(scope)-1d\"", false),
        ("\"\(scope)-1c \"", false), ("\" \(scope)-1c\"", false), ("\"\(scope)-10000000000000001c\"", false), ("\"\(scope) 1c\"", false),
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
